"""What a reader of the flag is answered, and whether it has to wait: pure, shared by Flask and the ASGI edge.

Conditional requests are RFC 9110 section 13, `Prefer` is RFC 7240. No waiting happens here, and nothing is looked up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from mailover.service import Published, Snapshot
from webhooks.answers import JSON_TYPE, Answer, problem

LONGEST_WAIT = 60.0
"""Seconds; reverse proxies commonly give up at 60."""
USUAL_WAIT = 30.0
"""Seconds, for a reader that names an epoch and no wait."""

_EPOCH = re.compile(r"[0-9]{1,18}")
_WAIT = re.compile(r"([0-9]{1,6})(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_PREFERRED_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:;.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A reader that knows the present flag and wants the next one."""

    stream: str
    etag: str
    """Of the flag it knows."""
    seconds: float
    """How long at most, jitter included."""
    if_none_match: str | None
    applied: str | None
    """The value of `Preference-Applied`, None when the reader did not ask by `Prefer`."""

    def over(self, snapshot: Snapshot) -> bool:
        """Whether there is something new to tell."""
        published = snapshot.flags.get(self.stream)
        return published is None or published.etag != self.etag

    def answer(self, snapshot: Snapshot, stale: int | None) -> Answer:
        """What to say when the wait has ended, for whatever reason."""
        published = snapshot.flags.get(self.stream)
        if published is None:
            return _unknown(self.stream)
        return _tell(published, stale, self.if_none_match, self.applied)


class _BadQueryError(ValueError):
    """A query parameter that cannot be understood; the text names it first."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.answer = problem(422, "The query is not valid.", errors=[{"parameter": parameter, "detail": detail}])


def negotiate(
    snapshot: Snapshot,
    stale: int | None,
    *,
    stream: str | None,
    query: str,
    headers: Mapping[str, str],
    dice: float,
) -> Answer | Wait:
    """Answer a reader, or tell how it waits.

    `stream` None is the default stream, `query` is raw, `headers` have lower-case names, `dice` is in [0, 1).
    """
    name = snapshot.default_stream if stream is None else stream
    published = snapshot.flags.get(name)
    if published is None:
        return _unknown(name)
    try:
        epoch, wait = _asked(query)
    except _BadQueryError as error:
        return error.answer
    if_none_match = headers.get("if-none-match")
    known = epoch == published.flag.epoch
    applied = None
    if epoch is None:
        known = if_none_match is not None and matches(if_none_match, published.etag)
        wait = _preferred_wait(headers.get("prefer")) if if_none_match is not None else 0.0
        applied = f"wait={int(wait)}" if wait else None
    if known and wait:
        seconds = wait + dice * wait / 16
        return Wait(stream=name, etag=published.etag, seconds=seconds, if_none_match=if_none_match, applied=applied)
    return _tell(published, stale, if_none_match, applied)


def _unknown(stream: str) -> Answer:
    return problem(404, f"no stream is called {stream!r}")


def _asked(query: str) -> tuple[int | None, float]:
    """The epoch the reader knows and the seconds it would wait."""
    if not query:
        return None, 0.0
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise _BadQueryError("", "too many parameters") from None
    for parameter in ("epoch", "wait"):
        if len(fields.get(parameter, ())) > 1:
            raise _BadQueryError(parameter, "given more than once")
    epoch, wait = fields.get("epoch"), fields.get("wait")
    if epoch is not None and _EPOCH.fullmatch(epoch[0]) is None:
        raise _BadQueryError("epoch", "must be a whole number of at most 18 digits")
    seconds = USUAL_WAIT if epoch is not None else 0.0
    if wait is not None:
        found = _WAIT.fullmatch(wait[0])
        if found is None:
            raise _BadQueryError("wait", "must be a number of seconds or a span such as 30s, 500ms or 1m")
        seconds = min(int(found[1]) * _UNITS[found[2] or "s"], LONGEST_WAIT)
    return (int(epoch[0]) if epoch is not None else None), seconds


def _preferred_wait(prefer: str | None) -> float:
    """Seconds of `Prefer: wait=30`; preferences that are not understood are passed over (RFC 7240 section 2)."""
    for preference in (prefer or "").split(","):
        found = _PREFERRED_WAIT.fullmatch(preference.strip())
        if found is not None:
            return min(float(found[1]), LONGEST_WAIT)
    return 0.0


def matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison with a list or `*`; proxies that compress mark the tag, which changes nothing for us."""
    return any(_bare(tag.strip()) in {"*", _bare(etag)} for tag in if_none_match.split(","))


def _bare(tag: str) -> str:
    inner = tag.removeprefix("W/").strip('"')
    for suffix in ("-gzip", ";gzip", "-br"):
        inner = inner.removesuffix(suffix)
    return inner


def _tell(published: Published, stale: int | None, if_none_match: str | None, applied: str | None) -> Answer:
    headers = [
        ("ETag", published.etag),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Authorization, X-API-Key, Prefer"),
        ("Mailover-Epoch", str(published.flag.epoch)),
    ]
    if stale is not None:
        headers.append(("Mailover-Stale", str(stale)))
    if applied is not None:
        headers.append(("Preference-Applied", applied))
    if if_none_match is not None and matches(if_none_match, published.etag):
        return Answer(status=304, headers=tuple(headers))
    return Answer(status=200, headers=(("Content-Type", JSON_TYPE), *headers), body=published.body)
