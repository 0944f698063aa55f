"""Rehearsing the next password: a login with it, now and then, so that a rotation holds no surprise.

It is no look at the provider: no run, window, breaker or flag hears of it.
"""

from dataclasses import replace

from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.observations import FailureKind, Observation
from mailover.core.sentences import failure_words
from mailover.core.watch import Rehearsal


def hear_rehearsal(draft: Draft, seen: Observation) -> None:
    """Keep what came of it, and say so when it is news. Only a refused login is a verdict on the password."""
    breaker = draft.breakers.get(seen.provider)
    if breaker is None or (seen.failure is not None and seen.failure.kind is not FailureKind.AUTH):
        return
    text = failure_words(seen.failure) if seen.failure is not None else ""
    known = breaker.watch.rehearsal
    latest = Rehearsal(at=seen.finished_at, ok=seen.ok, text=text)
    draft.put(replace(breaker, watch=replace(breaker.watch, rehearsal=latest)))
    if known is not None and known.ok == latest.ok:
        return
    name = seen.provider
    because = f"the next password of {name} works: it can be rotated"
    if not latest.ok:
        because = f"the next password of {name} is refused ({text}): rotating now would stop its mail"
    draft.emit(
        EventType.PROVIDER_REHEARSED,
        f"provider/{name}",
        Severity.INFO if latest.ok else Severity.WARNING,
        because,
        provider=name,
        ok=latest.ok,
    )
