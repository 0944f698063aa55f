"""Warnings: what people should know before it hurts, or while nobody looks. They move no breaker and no flag.

Expiring certificates, spares that nobody has tried, too many failovers; `degradation` and `reminding` have the rest.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailover.core import degradation, reminding, repute
from mailover.core.breaker import Breaker
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.observations import Depth, Observation, Owner, Purpose
from mailover.core.sentences import listed, span_words
from mailover.core.watch import CertificateTold, Watch

_DAY = timedelta(days=1)
_MOST_REMEMBERED = 200


def warn(draft: Draft, heard: Sequence[object]) -> None:
    """Everything worth a warning, after all else has been decided."""
    observed = [item for item in heard if isinstance(item, Observation) and item.provider in draft.breakers]
    for seen in observed:
        degradation.sample(draft, seen)
        repute.count_sent(draft, seen)
        _note_login(draft, seen)
        _look_at_certificate(draft, seen)
    for name in dict.fromkeys(seen.provider for seen in observed):
        degradation.judge(draft, draft.breakers[name])
        _ask_for_login(draft, draft.breakers[name])
    for name in draft.breakers:
        repute.judge(draft, name)
    _count_failovers(draft)
    reminding.remind(draft)


def next_at(draft: Draft) -> list[datetime]:
    """When time alone brings the next warning."""
    due = reminding.due_at(draft)
    return [] if due is None or due <= draft.now else [due]


def _put(draft: Draft, provider: str, watch: Watch) -> None:
    draft.put(replace(draft.breakers[provider], watch=watch))


def _note_login(draft: Draft, seen: Observation) -> None:
    past_login = seen.failure is None or seen.failure.kind.owner is Owner.NOBODY
    if past_login and seen.depth >= Depth.LOGIN and seen.purpose is not Purpose.REHEARSAL:
        watch = draft.breakers[seen.provider].watch
        latest = max(watch.logged_in_at or seen.finished_at, seen.finished_at)
        _put(draft, seen.provider, replace(watch, logged_in_at=latest, untried_told=False))


def _look_at_certificate(draft: Draft, seen: Observation) -> None:
    """Warn of a certificate once at each of the configured distances from its end."""
    not_after, name = _instant(seen.facts.get("certificate_not_after")), seen.provider
    if not_after is None or draft.blind:  # blind, it may be our clock
        return
    left = not_after - draft.now
    due = [days for days in draft.policy.alerts.certificate_days if left <= days * _DAY]
    watch = draft.breakers[name].watch
    told = min((t.days for t in watch.certificates_told if t.not_after == not_after), default=None)
    if not due or (told is not None and told <= min(due)):
        return
    days = min(due)
    others = (t for t in watch.certificates_told if t.not_after != not_after and t.not_after > draft.now - _DAY)
    _put(draft, name, replace(watch, certificates_told=(*others, CertificateTold(not_after=not_after, days=days))))
    when = f"ends in {_days(left)}, at" if left > timedelta(0) else "has ended at"
    last = days == min(draft.policy.alerts.certificate_days)
    draft.emit(
        EventType.CERTIFICATE_EXPIRING,
        f"provider/{name}",
        Severity.CRITICAL if last else Severity.WARNING,
        f"the certificate of {name} {when} {rfc3339(not_after)}; with an expired one {name} cannot be used",
        provider=name,
        not_after=rfc3339(not_after),
        days_left=max(0, left // _DAY),
    )


def _days(span: timedelta) -> str:
    days = span // _DAY
    return span_words(span) if days < 1 else "1 day" if days == 1 else f"{days} days"


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None


def _ask_for_login(draft: Draft, breaker: Breaker) -> None:
    """Warn of a spare that answers at its port, but that nobody has logged in to for long."""
    name, watch, patience = breaker.provider, breaker.watch, draft.policy.alerts.untried_after
    latest = max(watch.logged_in_at or breaker.since, breaker.since, draft.fleet.resumed_at)
    if watch.untried_told or not breaker.closed or draft.blind or draft.now < latest + patience:
        return
    waiting = [stream for stream, state in draft.streams.items() if name in state.flag.fallbacks]
    if not waiting:
        return
    _put(draft, name, replace(watch, untried_told=True))
    draft.emit(
        EventType.PROVIDER_UNTRIED,
        f"provider/{name}",
        Severity.WARNING,
        f"{name} is a spare of {listed(waiting)}, but for {span_words(patience)} nobody has logged in there: "
        "does it still work?",
        provider=name,
        streams=waiting,
    )


def _count_failovers(draft: Draft) -> None:
    """Warn of a stream that fails over again and again, once a day."""
    limit = draft.policy.alerts.failovers_a_day
    for event in [e for e in draft.events if e.type is EventType.FAILOVER_HAPPENED]:
        name = str(event.data["stream"])
        state = draft.streams[name]
        recent = (*(at for at in state.failed_over_at if at > draft.now - _DAY), draft.now)[-_MOST_REMEMBERED:]
        state = draft.put_stream(replace(state, failed_over_at=recent))
        told = state.excess_told_at
        if len(recent) <= limit or (told is not None and draft.now < told + _DAY):
            continue
        draft.put_stream(replace(state, excess_told_at=draft.now))
        because = f"{name} failed over {len(recent)} times within a day, more than {limit}: its providers come and go"
        draft.emit(
            EventType.FAILOVERS_EXCESSIVE,
            f"stream/{name}",
            Severity.WARNING,
            because,
            stream=name,
            provider=state.flag.provider,
            failovers=len(recent),
        )
