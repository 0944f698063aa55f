"""Saying what changed for a stream: it moved, ran out of providers, recovered, lost or regained its spare."""

from dataclasses import replace

from mailover.core.draft import Draft, Wish
from mailover.core.events import EventType, Severity
from mailover.core.fleet import Mode, StreamState
from mailover.core.providers import Stream


def tell(draft: Draft, stream: Stream, before: StreamState, after: StreamState, order: tuple[str, ...]) -> None:
    old, new = before.flag, after.flag
    subject = f"stream/{stream.name}"
    if after.exhausted_since is not None and before.exhausted_since is None:
        incident = _incident_of(draft, stream, order)
        draft.emit(
            EventType.STREAM_EXHAUSTED,
            subject,
            Severity.CRITICAL,
            new.because,
            stream=stream.name,
            from_=old.provider,
            to=new.provider,
            sending=new.sending,
            epoch=new.epoch,
            incident=incident,
        )
    elif before.exhausted_since is not None and after.exhausted_since is None:
        draft.emit(
            EventType.STREAM_RECOVERED,
            subject,
            Severity.INFO,
            f"{stream.name} is carried by {new.provider} again",
            stream=stream.name,
            from_=old.provider,
            to=new.provider,
            epoch=new.epoch,
            seconds=round((draft.now - before.exhausted_since).total_seconds(), 3),
        )
    if new.provider != old.provider and old.provider is not None and new.provider is not None:
        _tell_move(draft, stream, after, old.provider, new.provider)
    _tell_spares(draft, stream, after, order)


def _tell_move(draft: Draft, stream: Stream, state: StreamState, source: str, target: str) -> None:
    if state.flag.mode is Mode.PINNED:
        return
    order = draft.order_of(stream.name)
    upwards = source in order and target in order and order.index(target) < order.index(source)
    wish = draft.failing_back.get(stream.name, Wish(by=""))
    incident = draft.incident_touches(f"provider/{source}", stream.name)
    known = draft.incidents.get(f"provider/{source}")
    detected = round((draft.now - known.opened_at).total_seconds(), 3) if known is not None else None
    if upwards:
        breaker = draft.breakers[target]
        hold = breaker.hold(draft.now, draft.policy.breaker)
        probation = breaker.probation
        if probation is not None:  # mail is its only test, and mail comes only now
            probation = replace(probation, until=draft.now + draft.policy.breaker.failback_after)
        draft.put(replace(breaker, failed_back_at=draft.now, failed_back_hold=hold, probation=probation))
    draft.emit(
        EventType.FAILBACK_HAPPENED if upwards else EventType.FAILOVER_HAPPENED,
        f"stream/{stream.name}",
        Severity.INFO if upwards else Severity.WARNING,
        state.flag.because,
        stream=stream.name,
        provider=target,
        from_=source,
        to=target,
        epoch=state.flag.epoch,
        incident=incident or wish.incident or None,
        by=wish.by or None,
        failure_kind=str(known.failure_kind) if known is not None and known.failure_kind else None,
        seconds_to_detect=None if upwards else detected,
    )


def _incident_of(draft: Draft, stream: Stream, order: tuple[str, ...]) -> str | None:
    """The incident of the provider whose failure touched the stream last; all of theirs note the stream."""
    ids = [draft.incident_touches(f"provider/{name}", stream.name) for name in order]
    return next((i for i in reversed(ids) if i is not None), None)


def _tell_spares(draft: Draft, stream: Stream, state: StreamState, order: tuple[str, ...]) -> None:
    """Say when nobody could take over, before it is needed."""
    if state.flag.mode in {Mode.BLIND, Mode.EXHAUSTED} or len(order) < 2:  # noqa: PLR2004 - a spare needs a second
        return
    missing = not state.flag.fallbacks
    if missing == state.spare_missing:
        return
    draft.put_stream(replace(state, spare_missing=missing))
    kind, severity, because = EventType.STREAM_SPARE_READY, Severity.INFO, f"{stream.name} has a spare provider again"
    if missing:
        kind, severity = EventType.STREAM_NO_SPARE, Severity.WARNING
        because = f"{stream.name} has no healthy spare: if {state.flag.provider} fails, nobody can take over"
    ids = (draft.incident_id(f"provider/{name}") for name in order) if missing else ()
    draft.emit(
        kind,
        f"stream/{stream.name}",
        severity,
        because,
        stream=stream.name,
        provider=state.flag.provider,
        incident=next((each for each in ids if each is not None), None),
    )
