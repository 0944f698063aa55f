"""What the flag of each stream says: the first eligible provider in order, unless pinned, blind or exhausted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from mailover.core import telling
from mailover.core.breaker import Breaker
from mailover.core.choice import Choice
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.fleet import Flag, Mode, StreamState, account
from mailover.core.postponing import postpone
from mailover.core.providers import Failback, Stream, StreamMode, WhenExhausted
from mailover.core.sentences import listed, percent

_MOST_NAMED = 3
"""Providers in one sentence; more are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Who could carry a stream's mail now, each in order."""

    order: tuple[str, ...]
    healthy: tuple[str, ...]
    """Enabled and closed: may stay in the flag."""
    eligible: tuple[str, ...]
    """And, with `require_dns`, covered by the DNS, unless nobody is: may take over."""
    ready: tuple[str, ...]
    """And without an open run: may enter now."""


def candidates(draft: Draft, stream: Stream) -> Candidates:
    """Sort a stream's providers by what they may do."""
    breakers = draft.breakers
    order = tuple(p for p in draft.order_of(stream.name) if p in breakers)
    healthy = tuple(p for p in order if breakers[p].closed or draft.lets_through(p))
    covered = tuple(p for p in healthy if breakers[p].dns != "none") if stream.require_dns else healthy
    eligible = covered or healthy
    ready = tuple(p for p in eligible if not breakers[p].runs or draft.shadowed(p))
    return Candidates(order=order, healthy=healthy, eligible=eligible, ready=ready)


def settle(draft: Draft, stream: Stream) -> None:
    """Bring one stream's flag up to date, and say what changed."""
    state = _expire(draft, stream)
    who = candidates(draft, stream)
    choice = postpone(draft, stream, _choose(draft, stream, state, who))
    flag = _flag(draft, state, choice)
    exhausted = choice.mode is Mode.EXHAUSTED
    since = state.exhausted_since
    if choice.mode not in {Mode.BLIND, Mode.PINNED}:
        since = (since or draft.now) if exhausted else None
    settled = replace(state, flag=flag, leaving_since=choice.leaving_since, exhausted_since=since)
    if settled != state:
        state = draft.put_stream(settled)
    telling.tell(draft, stream, draft.fleet.streams.get(stream.name, state), state, who.order)


def _expire(draft: Draft, stream: Stream) -> StreamState:
    """End a pin or a fail-back pause whose time has come."""
    state = draft.streams[stream.name]
    if state.pin is not None and draft.now >= state.pin.until:
        end_pin(draft, state, f"the pin of {stream.name} to {state.pin.provider} has expired")
        state = draft.streams[stream.name]
    if state.failback_paused_until is not None and draft.now >= state.failback_paused_until:
        end_pause(draft, state, f"the fail-back pause of {stream.name} is over")
        state = draft.streams[stream.name]
    return state


def end_pin(draft: Draft, state: StreamState, because: str, by: str | None = None) -> None:
    """End a stream's pin and say so."""
    if state.pin is None:
        return
    name = state.flag.stream
    draft.put_stream(replace(state, pin=None))
    draft.emit(
        EventType.STREAM_UNPINNED,
        f"stream/{name}",
        Severity.INFO,
        because,
        stream=name,
        provider=state.pin.provider,
        by=by or None,
        incident=draft.incident_of(name),
    )


def end_pause(draft: Draft, state: StreamState, because: str, by: str | None = None) -> None:
    """End a stream's fail-back pause and say so."""
    if state.failback_paused_until is None:
        return
    name = state.flag.stream
    draft.put_stream(replace(state, failback_paused_until=None))
    draft.emit(
        EventType.FAILBACK_RESUMED,
        f"stream/{name}",
        Severity.INFO,
        because,
        stream=name,
        provider=state.flag.provider,
        by=by or None,
        incident=draft.incident_of(name),
    )


# -- choosing ---------------------------------------------------------------------------------------------------------


def _choose(draft: Draft, stream: Stream, state: StreamState, who: Candidates) -> Choice:
    if state.pin is not None:
        until = f"until {rfc3339(state.pin.until)}"
        reason = f": {state.pin.reason}" if state.pin.reason else ""
        because = f"pinned to {state.pin.provider} {until}{reason}"
        return _to(state.pin.provider, Mode.PINNED, because, who)
    if draft.fleet.blindness is not None:
        return _while_blind(draft, stream, state, who, draft.fleet.blindness.because)
    if not who.healthy:
        return _while_exhausted(draft, stream, state, who)
    if stream.mode is StreamMode.BALANCE:
        return _balance(draft, stream, state, who)
    return _failover(draft, stream, state, who)


def _to(provider: str, mode: Mode, because: str, who: Candidates, leaving_since: datetime | None = None) -> Choice:
    return Choice(
        provider=provider,
        mode=mode,
        because=because,
        fallbacks=tuple(p for p in who.eligible if p != provider),
        weights={provider: 1.0},
        leaving_since=leaving_since,
    )


def _while_blind(draft: Draft, stream: Stream, state: StreamState, who: Candidates, because: str) -> Choice:
    """Automation changes nothing; what an operator wants or took away is still done."""
    flag = state.flag
    working = [p for p in who.order if draft.breakers[p].enabled]
    wanted = next((p for p in who.ready if stream.name in draft.failing_back), flag.provider)
    if wanted is None:
        wanted = next(iter(who.eligible), None)
    elif wanted not in working:
        wanted = next(iter((*who.ready, *who.eligible, *working)), None)
    if wanted != flag.provider and wanted is not None:
        return _to(wanted, Mode.BLIND, because, who)
    shares = {p: share for p, share in flag.weights.items() if p in working}
    return Choice(
        provider=wanted,
        mode=Mode.BLIND,
        because=because if wanted is not None or working else "every provider of this stream is disabled",
        fallbacks=tuple(p for p in flag.fallbacks if p in who.healthy),
        weights=_parts(shares),
        sending=flag.sending and wanted is not None,
    )


def _failover(draft: Draft, stream: Stream, state: StreamState, who: Candidates) -> Choice:
    active = state.flag.provider
    if active in who.healthy:
        better = who.order[: who.order.index(active)]
        for name in who.ready:
            if name in better and _may_return(draft, stream, state, draft.breakers[name]):
                return _reached(draft, who, name)
        return _reached(draft, who, active)
    if who.ready:
        return _reached(draft, who, who.ready[0])
    since = state.leaving_since or draft.now
    was = draft.breakers.get(active or "")
    may_wait = active in who.order and was is not None and was.enabled
    if active is not None and may_wait and draft.now < since + draft.policy.confirmation_span:
        because = f"{active} is out, and every other provider is being confirmed"
        mode = Mode.NORMAL if active == who.order[0] else Mode.FAILOVER
        return _to(active, mode, because, who, leaving_since=since)
    return _reached(draft, who, who.eligible[0])


def _reached(draft: Draft, who: Candidates, name: str) -> Choice:
    """The choice of a provider, with why those before it were passed over: the latest news of them first."""
    if name == who.order[0]:
        known = draft.breakers[name].ok_at is not None
        health = "healthy and first in order" if known else "first in order and not yet probed"
        return _to(name, Mode.NORMAL, f"{name} is {health}", who)
    passed = who.order[: who.order.index(name)]
    newest = max(passed, key=lambda each: draft.breakers[each].since)
    because = f"{name} is the first choice left: {_why_not(draft, who, newest)}"
    others = [each for each in passed if each != newest]
    if others:
        told = listed(others) if len(others) <= _MOST_NAMED else f"{len(others)} others"
        because += f"; {told} {'are' if len(others) > 1 else 'is'} left out as well"
    return _to(name, Mode.FAILOVER, because, who)


def _why_not(draft: Draft, who: Candidates, name: str) -> str:
    breaker = draft.breakers[name]
    if not breaker.enabled:
        return f"{name} is disabled"
    if breaker.opening is not None:
        return breaker.opening.because
    if name not in who.eligible:
        return f"the DNS does not cover {name}"
    return f"{name} has been back since {rfc3339(breaker.since)} and must hold before the flag returns"


def _may_return(draft: Draft, stream: Stream, state: StreamState, breaker: Breaker) -> bool:
    """Whether a better provider may take the flag back."""
    if stream.name in draft.failing_back:
        return True
    if stream.failback is Failback.MANUAL or state.failback_paused_until is not None:
        return False
    if draft.fleet.store_failing_since is not None:
        return False
    answered = breaker.ok_at is not None and breaker.ok_at >= draft.fleet.resumed_at
    return answered and draft.now >= returns_at(draft, breaker)


def returns_at(draft: Draft, breaker: Breaker) -> datetime:
    """When the flag may return to a closed provider."""
    return breaker.since + breaker.hold(draft.now, draft.policy.breaker)


def _balance(draft: Draft, stream: Stream, state: StreamState, who: Candidates) -> Choice:
    """Several share: who is in stays while healthy; who returns must hold as for a fail-back."""
    carrying = state.flag.weights
    staying = [p for p in who.healthy if p in carrying]
    joining = [
        p
        for p in who.ready
        if p not in carrying and (not staying or _may_return(draft, stream, state, draft.breakers[p]))
    ]
    members = [p for p in who.order if p in staying or p in joining] or [who.eligible[0]]
    weights = _parts({p: stream.weights.get(p, 0.0 if stream.weights else 1.0) for p in members})
    weights = weights or {members[0]: 1.0}
    provider = next(iter(weights))
    because = f"shared by ratio: {listed([f'{p} {percent(share)}' for p, share in weights.items()])}"
    absent = [p for p in who.order if p not in who.healthy]
    if absent:
        because = f"{because}; {_why_not(draft, who, absent[0])}"
    return Choice(
        provider=provider,
        mode=Mode.BALANCE,
        because=because,
        fallbacks=tuple(p for p in who.eligible if p != provider),
        weights=weights,
    )


def _parts(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares as parts of one; whoever has none is left out."""
    total = sum(shares.values())
    parts = {p: round(share / total, 6) for p, share in shares.items() if share > 0}
    rounding = 1.0 - sum(parts.values())
    return {p: round(part + (rounding if n == 0 else 0.0), 6) for n, (p, part) in enumerate(parts.items())}


def _while_exhausted(draft: Draft, stream: Stream, state: StreamState, who: Candidates) -> Choice:
    enabled = [p for p in who.order if draft.breakers[p].enabled]
    if not enabled:
        because = "every provider of this stream is disabled"
        return Choice(provider=None, mode=Mode.EXHAUSTED, because=because, sending=False)
    active = state.flag.provider
    answering = [p for p in enabled if _answers(draft.breakers[p])]
    if answering:
        chosen = active if active in answering else answering[0]
        because = f"every provider is out, but {chosen} answers again"
        return _to(chosen, Mode.EXHAUSTED, because, who)
    why = f"every provider is out: {listed(enabled)}"
    if stream.when_exhausted is not WhenExhausted.LEAST_BAD:
        words = {WhenExhausted.HOLD: "mail is held", WhenExhausted.TEST: "mail is only logged"}
        because = f"{why}; {words[stream.when_exhausted]} until one is back"
        return Choice(provider=None, mode=Mode.EXHAUSTED, because=because, sending=False)
    if state.exhausted_since is not None and active in enabled:
        chosen = active
    else:
        chosen = min(enabled, key=lambda p: (_share(draft.breakers[p]), p != active))
    return _to(chosen, Mode.EXHAUSTED, f"{why}; {chosen} failed least", who)


def _answers(breaker: Breaker) -> bool:
    return breaker.opening is not None and breaker.opening.good_at is not None


def _share(breaker: Breaker) -> float:
    return breaker.opening.share if breaker.opening is not None else 0.0


def _flag(draft: Draft, state: StreamState, choice: Choice) -> Flag:
    """The next flag; the very same one when a reader would do nothing else."""
    old = state.flag
    new = replace(
        old,
        provider=choice.provider,
        fallbacks=choice.fallbacks,
        weights=choice.weights,
        mode=choice.mode,
        sending=choice.sending,
        because=choice.because,
        valid_for=draft.policy.valid_for,
        **account(draft.policy.providers.get(choice.provider or "")),
    )
    if new.same_answer(old):
        return old
    since = old.since if new.provider == old.provider else draft.now
    return replace(new, epoch=old.epoch + 1, since=since)


def next_at(draft: Draft, stream: Stream) -> list[datetime]:
    """When time alone may change this stream's flag."""
    state = draft.streams[stream.name]
    pinned_until = state.pin.until if state.pin is not None else None
    moments = [m for m in (pinned_until, state.failback_paused_until) if m is not None]
    if state.leaving_since is not None:
        moments.append(state.leaving_since + draft.policy.confirmation_span)
    if stream.peak_hours:
        moments.append(draft.now.replace(second=0, microsecond=0) + timedelta(minutes=1))
    if state.flag.mode in {Mode.FAILOVER, Mode.BALANCE} and stream.failback is Failback.AUTO:
        absent: Iterable[str] = takewhile(lambda p: p != state.flag.provider, draft.order_of(stream.name))
        if state.flag.mode is Mode.BALANCE:
            absent = (p for p in draft.order_of(stream.name) if p not in state.flag.weights)
        returning = (returns_at(draft, draft.breakers[p]) for p in absent if draft.lets_through(p))
        moments += [m for m in returning if m > draft.now]
    return moments
