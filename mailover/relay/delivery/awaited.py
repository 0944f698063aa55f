"""Whom mail need not wait for any more, by what the flags say. Pure."""

from collections.abc import Collection, Mapping

from mailover.core.fleet import Flag


def newly_named(before: Mapping[str, Flag], after: Mapping[str, Flag]) -> Collection[str]:
    """Providers that a flag names and did not name before; all of them where nothing was sent, or nothing is known."""
    named: set[str] = set()
    for stream, flag in after.items():
        was = before.get(stream)
        if was is flag or not flag.sending:
            continue
        known = {was.provider, *was.fallbacks} if was is not None and was.sending else set[str | None]()
        named |= {name for name in (flag.provider, *flag.fallbacks) if name is not None and name not in known}
    return named
