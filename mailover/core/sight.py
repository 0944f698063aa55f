"""Is it us? Silence opens a breaker only when somebody else answered later; when nobody does, the agent is blind."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from mailover.core import egress
from mailover.core.breaker import BreakerState, Signal, move
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.fleet import Blindness
from mailover.core.observations import Observation, ProbeKind, Purpose, ReferenceSeen, Stage
from mailover.core.sentences import listed, span_words
from mailover.core.windows import add_try, count

_AT_ONCE = timedelta(minutes=2)
"""Two certificates refused for their dates within this span make our clock the suspect."""

_BEFORE_TLS = frozenset({Stage.RESOLVE, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS})


def proven(draft: Draft, provider: str, since: datetime, until: datetime | None = None) -> bool:
    """Whether a reference or another provider answered an attempt started after `since` (and up to `until`)."""
    answers = [draft.fleet.reference_answered_at, *(b.answered_at for b in draft.others(provider))]
    return any(at is not None and at >= since and (until is None or at <= until) for at in answers)


def first_witness(draft: Draft, provider: str, since: datetime) -> datetime | None:
    """The earliest known attempt after `since` that somebody but this provider answered."""
    answers = [draft.fleet.reference_answered_at, *(b.answered_at for b in draft.others(provider))]
    return min((at for at in answers if at is not None and at >= since), default=None)


def bear_witness(draft: Draft, witness: str | None, begun_at: datetime) -> None:
    """Somebody answered an attempt begun at `begun_at`: whatever the others have under way notes the first."""
    for breaker in list(draft.breakers.values()):
        if breaker.provider == witness or not (breaker.runs or breaker.burst or breaker.verification):
            continue
        noted, burst = breaker, breaker.burst
        if burst is not None and burst.witness_at is None and begun_at >= burst.since:
            noted = replace(noted, burst=replace(burst, witness_at=begun_at))
        for depth, run in breaker.runs.items():
            if run.witness_at is None and begun_at >= run.since:
                noted = replace(noted, runs={**noted.runs, depth: replace(run, witness_at=begun_at)})
        checked = noted.verification
        if checked is not None and checked.witness_at is None and begun_at >= checked.since:
            noted = replace(noted, verification=replace(checked, witness_at=begun_at))
        draft.put(noted)


def noisy(draft: Draft) -> bool:
    """Whether our own network loses packets, by the references' word."""
    policy = draft.policy.noise
    seen = count(draft.fleet.references, draft.now - policy.window)
    return seen.tries >= policy.minimum and seen.failures >= policy.failures and seen.share >= policy.ratio


def hear_reference(draft: Draft, seen: ReferenceSeen) -> None:
    """A reference answered, or did not."""
    policy = draft.policy.noise
    bucket = policy.window / 10
    window = add_try(
        draft.fleet.references, draft.now, failed=not seen.answered, silent=True, bucket=bucket, keep=policy.window
    )
    draft.rewrite(references=window)
    if not seen.answered:
        return
    answered_at = max(draft.fleet.reference_answered_at or seen.started_at, seen.started_at)
    on_port = _on_a_providers_port(draft, seen)
    draft.rewrite(reference_answered_at=answered_at)
    if on_port:
        draft.rewrite(port_answered_at=answered_at)
    bear_witness(draft, None, seen.started_at)
    blindness = draft.fleet.blindness
    if blindness is None or blindness.by_clock or seen.started_at < blindness.since:
        return
    if on_port or not blindness.by_port:
        _regain(draft, f"{seen.target} answers")


def hear_answer(draft: Draft, seen: Observation) -> None:
    """A provider answered something, be it a refusal: it is a witness, and may end our blindness."""
    bear_witness(draft, seen.provider, seen.started_at)
    blindness = draft.fleet.blindness
    if blindness is None or seen.started_at < blindness.since:
        return
    if blindness.by_clock and seen.failure is not None and seen.failure.stage in _BEFORE_TLS:
        return
    _regain(draft, f"{seen.provider} answers")


def hear_way(draft: Draft, seen: Observation) -> None:
    """A provider did not answer; if it was reached all the same, no port of ours is closed."""
    blindness = draft.fleet.blindness
    if blindness is not None and blindness.by_port and seen.started_at >= blindness.since and egress.reached(seen):
        _regain(draft, f"{seen.provider} is reached")
    elif draft.breakers[seen.provider].silent_since == seen.finished_at:  # a local failure starts no burst to ask them
        draft.look_at_references = True


def look_for_witnesses(draft: Draft, provider: str) -> None:
    """A provider went silent: ask everybody who could tell whether it is us.

    If it is active, every flip candidate gets a port probe at this moment; else the providers that lead its streams.
    """
    draft.look_at_references = True
    led = draft.streams_led_by(provider)
    if led:
        names = {name for stream in led for name in draft.order_of(stream) if draft.lets_through(name)}
        purpose = Purpose.CANDIDATE
    else:
        names = {state.flag.provider for state in draft.streams.values() if state.flag.provider is not None}
        purpose = Purpose.SIGHT
    for name in sorted(names - {provider}):
        if name in draft.breakers and draft.breakers[name].enabled:
            draft.probe(name, ProbeKind.PORT, purpose)


def check(draft: Draft) -> None:
    """Begin blindness when its time has come; while blind, look for an answer again and again."""
    blindness = draft.fleet.blindness
    if blindness is not None:
        if draft.now >= blindness.look_at:
            draft.rewrite(blindness=replace(blindness, look_at=draft.now + draft.policy.probes.sight_interval))
            look_everywhere(draft)
        return
    suspects = [b for b in draft.breakers.values() if b.enabled and b.dates_refused_since is not None]
    moments = sorted(b.dates_refused_since for b in suspects if b.dates_refused_since is not None)
    if any(later - earlier <= _AT_ONCE for earlier, later in pairwise(moments)):
        names = listed(sorted(b.provider for b in suspects))
        because = f"the certificates of {names} are refused for their dates at once: our clock is wrong, not they"
        _begin(draft, moments[0], because, by_clock=True)
        return
    for breaker in draft.breakers.values():
        since = breaker.silent_since
        if not breaker.enabled or since is None or draft.now < since + draft.policy.sight_limit:
            continue
        if not proven(draft, breaker.provider, since):
            silence = span_words(draft.now - since)
            because = (
                f"nothing has answered for {silence}, no provider and no reference: our own network is the suspect"
            )
            _begin(draft, since, because)
            return
    closed = egress.closed_to(draft)
    if closed:
        first = min(breaker.silent_since for breaker in closed if breaker.silent_since is not None)
        _begin(draft, first, egress.closed_words(draft, closed), by_port=True)


def resume(draft: Draft, absent_since: datetime) -> None:
    """The agent decides again after an absence: spans go on where they stopped, and everything is probed first."""
    if not draft.blind:
        _shift_timers(draft, max(timedelta(0), draft.now - absent_since))
    _forget_unfinished(draft)
    draft.rewrite(resumed_at=draft.now)
    look_everywhere(draft)


def look_everywhere(draft: Draft) -> None:
    """A port probe to every enabled provider, and a look at the references."""
    draft.look_at_references = True
    for breaker in draft.breakers.values():
        if breaker.enabled:
            draft.probe(breaker.provider, ProbeKind.PORT, Purpose.SIGHT)


def _begin(draft: Draft, since: datetime, because: str, *, by_clock: bool = False, by_port: bool = False) -> None:
    _forget_unfinished(draft)
    for breaker in list(draft.breakers.values()):
        draft.put(replace(breaker, windows={}, ballots={}))
    look_at = draft.now + draft.policy.probes.sight_interval
    blindness = Blindness(since=draft.now, because=because, by_clock=by_clock, by_port=by_port, look_at=look_at)
    draft.rewrite(blindness=blindness)
    incident = draft.open_incident("agent", Severity.CRITICAL, since, because)
    draft.emit(EventType.AGENT_BLIND, "agent", Severity.CRITICAL, because, incident=incident.id, since=rfc3339(since))
    look_everywhere(draft)


def _regain(draft: Draft, how: str) -> None:
    blindness = draft.fleet.blindness
    if blindness is None:
        return
    length = draft.now - blindness.since
    draft.rewrite(blindness=None)
    resume(draft, blindness.since)
    incident = draft.close_incident("agent")
    draft.emit(
        EventType.AGENT_SIGHTED,
        "agent",
        Severity.INFO,
        f"{how}: we see again after {span_words(length)}",
        incident=incident.id if incident else None,
        seconds=round(length.total_seconds(), 3),
    )


def _forget_unfinished(draft: Draft) -> None:
    """What was under way is worth nothing now: runs, bursts, verifications, trials in flight."""
    for breaker in list(draft.breakers.values()):
        forgetful = replace(
            breaker, runs={}, burst=None, verification=None, silent_since=None, dates_refused_since=None
        )
        if forgetful.state is BreakerState.HALF_OPEN and forgetful.opening is not None:
            opening = replace(forgetful.opening, trial_at=draft.now, trial_expires_at=None)
            forgetful = replace(move(forgetful, Signal.TRIAL_LOST, draft.now), opening=opening)
        draft.put(forgetful)
    for state in list(draft.streams.values()):
        if state.leaving_since is not None:
            draft.put_stream(replace(state, leaving_since=None))


def _shift_timers(draft: Draft, length: timedelta) -> None:
    """Dwell and trial timers stood still meanwhile."""
    for breaker in list(draft.breakers.values()):
        shifted = breaker
        if breaker.closed:
            shifted = replace(shifted, since=min(draft.now, breaker.since + length))
        if breaker.opening is not None and breaker.opening.trial_at is not None:
            due = breaker.opening.trial_at + length
            shifted = replace(shifted, opening=replace(breaker.opening, trial_at=due))
        draft.put(shifted)


def _on_a_providers_port(draft: Draft, seen: ReferenceSeen) -> bool:
    ports = {str(provider.port) for provider in draft.policy.providers.values()}
    return seen.target.rpartition(":")[2] in ports
