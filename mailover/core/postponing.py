"""Streams that can wait: their flag says so while a stream that cannot uses its backups.

A bad day leaves little room at the providers that are left, and it belongs to the mail that people wait for.
"""

from collections.abc import Iterator
from dataclasses import replace

from mailover.core.choice import Choice
from mailover.core.draft import Draft
from mailover.core.fleet import Flag, Mode
from mailover.core.policy import Policy
from mailover.core.providers import Stream

_USING_BACKUPS = {Mode.FAILOVER: "uses its backups", Mode.EXHAUSTED: "has no provider left"}


def in_turn(policy: Policy) -> Iterator[Stream]:
    """Every stream, those that wait for others after those others."""
    yield from (stream for stream in policy.streams.values() if not stream.mail.postpone)
    yield from (stream for stream in policy.streams.values() if stream.mail.postpone)


def postponed(flag: Flag) -> bool:
    """Whether a stream waits for the sake of others: it has a provider, and does not send."""
    return flag.provider is not None and not flag.sending


def postpone(draft: Draft, stream: Stream, choice: Choice) -> Choice:
    """The choice, not sending where the stream has to wait. A pin sends all the same; blindness changes nothing."""
    if not stream.mail.postpone or choice.provider is None or choice.mode is Mode.PINNED:
        return choice
    if choice.mode is Mode.BLIND:
        return replace(choice, sending=choice.sending and not postponed(draft.streams[stream.name].flag))
    first = next(_in_need(draft), None)
    if first is None:
        return choice
    because = f"{stream.name} waits, since {first.stream} {_USING_BACKUPS[first.mode]}: {first.because}"
    return replace(choice, sending=False, because=because)


def _in_need(draft: Draft) -> Iterator[Flag]:
    for other in draft.policy.streams.values():
        flag = draft.streams[other.name].flag
        if not other.mail.postpone and flag.mode in _USING_BACKUPS:
            yield flag
