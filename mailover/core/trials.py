"""How a breaker opens and how it gets its way back: trials at the depth that opened it, or the rate that did."""

from dataclasses import replace
from datetime import datetime, timedelta

from mailover.core import windows
from mailover.core.breaker import Breaker, BreakerState, Cause, Opening, Probation, Relapse, Signal, move
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.hours import quota_resets_at
from mailover.core.observations import Depth, Failure, FailureKind, Observation, Owner, ProbeKind, Purpose
from mailover.core.sentences import percent, span_words, whose

AUTH_FAILURES = 2
"""So many refused logins in a row open a breaker, and are the last for a while."""

_COUNTS_AS_TRIAL = frozenset({Purpose.TRIAL, Purpose.MANUAL})


def open_breaker(
    draft: Draft,
    breaker: Breaker,
    *,
    cause: Cause,
    failure: Failure,
    because: str,
    first_signal_at: datetime,
    share: float = 1.0,
) -> None:
    """Open a closed breaker: its event, its incident, its first trial."""
    name, now = breaker.provider, draft.now
    leads = draft.streams_led_by(name)
    shadow = draft.provider(name).shadow
    opened = replace(move(breaker, Signal.FAILED, now), relapses=_relapses(draft, breaker, leads=bool(leads)))
    sentence = f"{name} is out: {because}{whose(failure.kind)}"
    opening = Opening(
        cause=cause,
        depth=failure.depth,
        kind=failure.kind,
        at=now,
        first_signal_at=first_signal_at,
        because=sentence,
        share=share,
    )
    interval = _first_interval(draft, breaker, opening)
    if not opening.closes_by_rate:
        opening = replace(opening, trial_interval=interval, trial_at=now + interval)
    draft.put(replace(opened, opening=opening))
    pinned = [s for s, state in draft.streams.items() if state.pin is not None and state.pin.provider == name]
    severity = Severity.CRITICAL if pinned else Severity.WARNING
    if shadow:
        severity, sentence = Severity.INFO, f"{sentence} (shadow: the flag ignores it)"
    if pinned:
        sentence = f"{sentence}; {', '.join(pinned)} stays pinned to it"
    subject = f"provider/{name}"
    incident = draft.open_incident(subject, severity, first_signal_at, sentence, failure.kind)
    draft.emit(
        EventType.PROVIDER_OPENED,
        subject,
        severity,
        sentence,
        provider=name,
        failure_kind=str(failure.kind),
        owner=str(failure.kind.owner),
        depth=failure.depth.word,
        stage=str(failure.stage),
        code=failure.code,
        cause=str(cause),
        incident=incident.id,
        shadow=shadow or None,
        seconds_to_detect=round((now - first_signal_at).total_seconds(), 3),
    )


def _relapses(draft: Draft, breaker: Breaker, *, leads: bool) -> tuple[Relapse, ...]:
    policy, now = draft.policy.breaker, draft.now
    kept = tuple(r for r in breaker.relapses if r.at > now - policy.relapse_memory)
    returned, trusted_for = breaker.failed_back_at, max(policy.relapse_after_failback, 2 * breaker.failed_back_hold)
    if leads and returned is not None and now <= returned + trusted_for:
        return (*kept, Relapse(at=now, reopened=False))
    if breaker.closed_at is not None and now <= breaker.closed_at + policy.relapse_after_closing:
        return (*kept, Relapse(at=now, reopened=True))
    return kept


def _first_interval(draft: Draft, breaker: Breaker, opening: Opening) -> timedelta:
    policy, provider, probation = draft.policy.breaker, breaker.provider, breaker.probation
    if opening.cause is Cause.PROBATION and probation is not None:
        return _next_interval(draft, replace(opening, trial_interval=max(probation.trial_interval, policy.open_for)))
    if opening.kind is FailureKind.QUOTA:
        return quota_resets_at(draft.now, draft.provider(provider).quota_resets) - draft.now
    if opening.kind is FailureKind.SUSPENDED:
        return policy.suspended_open_for
    if opening.kind is FailureKind.AUTH:
        return policy.auth_open_for
    return policy.lost_open_for if opening.cause is Cause.LOST else policy.open_for


def _next_interval(draft: Draft, opening: Opening) -> timedelta:
    """Constant at the port, since a port probe costs nothing; doubling deeper."""
    policy = draft.policy.breaker
    if opening.depth is Depth.PORT:
        return policy.open_for
    if opening.kind is FailureKind.AUTH:
        return max(policy.auth_open_for, min(opening.trial_interval * 2, policy.auth_open_for_max))
    longest = max(policy.open_for_max, policy.open_for)
    return min(opening.trial_interval, longest / 2) * 2


def advance(draft: Draft, breaker: Breaker) -> None:
    """Start a trial that is due; give up one that never came back."""
    opening = breaker.opening
    if opening is None or draft.blind:
        return
    if opening.trial_expires_at is not None and draft.now >= opening.trial_expires_at:
        _fall_back(draft, breaker, opening)
        return
    due = _due_at(draft, breaker, opening)
    if due is None or draft.now < due:
        return
    probe = probe_reaching(draft, breaker.provider, opening.depth)
    draft.probe(breaker.provider, probe, Purpose.TRIAL)
    lasts = draft.policy.probes.deadline + timedelta(seconds=2)
    if probe is ProbeKind.ROUND_TRIP:
        lasts += draft.policy.probes.round_trip_deadline
    trying = breaker if breaker.state is BreakerState.HALF_OPEN else move(breaker, Signal.TRIAL_DUE, draft.now)
    draft.put(replace(trying, opening=replace(opening, trial_at=None, trial_expires_at=draft.now + lasts)))


def _due_at(draft: Draft, breaker: Breaker, opening: Opening) -> datetime | None:
    """When the next trial is due. With every provider down open times don't apply.

    But lock-outs still threaten, and trials that closed a breaker which mail then reopened have proved nothing.
    """
    due = opening.trial_at
    if due is None or opening.kind is FailureKind.AUTH or opening.cause is Cause.PROBATION:
        return due
    name = breaker.provider
    exhausted = any(s.exhausted_since is not None and name in draft.order_of(n) for n, s in draft.streams.items())
    return min(due, breaker.since + draft.policy.breaker.open_for) if exhausted else due


def next_at(draft: Draft, breaker: Breaker) -> datetime | None:
    """When `advance` has something to do next."""
    opening = breaker.opening
    if opening is None or draft.blind:
        return None
    return opening.trial_expires_at or _due_at(draft, breaker, opening)


def probe_reaching(draft: Draft, provider: str, depth: Depth) -> ProbeKind:
    """The probe that looks at a depth, or the deepest one short of it that there is."""
    if depth is Depth.PORT:
        return ProbeKind.PORT
    if depth is Depth.LOGIN:
        return ProbeKind.LOGIN
    if depth is Depth.SEND and draft.policy.probes.round_trip and draft.fleet.mailbox is None:
        return ProbeKind.ROUND_TRIP
    return ProbeKind.ENVELOPE if draft.provider(provider).sender else ProbeKind.LOGIN


def hear(draft: Draft, seen: Observation, failure: Failure | None, depth: Depth) -> None:
    """A probe's result on a breaker that is open or half open."""
    breaker = draft.breakers[seen.provider]
    opening = breaker.opening
    if opening is None:
        return
    if failure is not None:
        _hear_bad(draft, breaker, opening, depth)
        return
    reach = min(opening.depth, probe_reaching(draft, breaker.provider, opening.depth).depth)
    if depth < (min(reach, Depth.LOGIN) if _blames_nobody(seen) else reach):
        return
    if not opening.closes_by_rate:
        opening = replace(opening, good_at=draft.now)
        breaker = draft.put(replace(breaker, opening=opening))
    if breaker.state is BreakerState.HALF_OPEN and seen.purpose in _COUNTS_AS_TRIAL:
        _hear_good_trial(draft, breaker, opening, depth)


def _blames_nobody(seen: Observation) -> bool:
    """The trial's own recipient or message was refused: no probe gets deeper than that."""
    return seen.failure is not None and seen.failure.kind.owner is Owner.NOBODY


def _hear_good_trial(draft: Draft, breaker: Breaker, opening: Opening, reached: Depth) -> None:
    policy = draft.policy.breaker
    good = opening.good_trials + 1
    if good < policy.successes:
        again = replace(opening, good_trials=good, trial_at=draft.now + policy.open_for, trial_expires_at=None)
        draft.put(replace(breaker, opening=again))
        return
    answered = "answered a trial" if good == 1 else f"answered {good} trials in a row"
    _close(draft, breaker, Signal.TRIALS_GOOD, f"{breaker.provider} is back: it {answered}", reached)


def _hear_bad(draft: Draft, breaker: Breaker, opening: Opening, depth: Depth) -> None:
    run = breaker.runs.get(depth)
    if run is not None and run.failure.kind is FailureKind.AUTH and run.same >= AUTH_FAILURES:
        opening = _rest_logins(opening)
    elif depth > opening.depth:
        return
    if run is not None and run.length >= draft.policy.breaker.failures:
        opening = replace(opening, good_at=None)
    begins_to_rest = opening.kind is FailureKind.AUTH and not breaker.open_for_auth
    if breaker.state is BreakerState.HALF_OPEN or begins_to_rest:
        _fall_back(draft, breaker, opening)
    elif opening != breaker.opening:
        draft.put(replace(breaker, opening=opening))


def _rest_logins(opening: Opening) -> Opening:
    """Whatever opened it: logins that are refused must rest now, so that the provider does not lock the account."""
    if opening.kind is FailureKind.AUTH:
        return opening
    rested = timedelta(0)
    return replace(opening, depth=max(opening.depth, Depth.LOGIN), kind=FailureKind.AUTH, trial_interval=rested)


def lost(draft: Draft, breaker: Breaker, seen: Observation) -> None:
    """A trial that our own machine or mailbox spoiled says nothing: it is made again later."""
    opening = breaker.opening
    if breaker.state is BreakerState.HALF_OPEN and opening is not None and seen.purpose is Purpose.TRIAL:
        again = replace(opening, trial_at=draft.now + draft.policy.breaker.open_for, trial_expires_at=None)
        draft.put(replace(move(breaker, Signal.TRIAL_LOST, draft.now), opening=again))


def _fall_back(draft: Draft, breaker: Breaker, opening: Opening) -> None:
    """A trial failed or never came back: open again, the next one later."""
    interval = _next_interval(draft, opening)
    waiting = replace(
        opening, trial_interval=interval, trial_at=draft.now + interval, trial_expires_at=None, good_trials=0
    )
    if breaker.state is BreakerState.HALF_OPEN:
        breaker = move(breaker, Signal.TRIAL_FAILED, draft.now)
    draft.put(replace(breaker, opening=waiting))


def hear_reported_success(draft: Draft, breaker: Breaker, depth: Depth) -> None:
    """An application's mail went through a provider that is open: with all of them down, that takes the flag."""
    opening = breaker.opening
    if opening is not None and depth >= opening.depth and not opening.closes_by_rate:
        draft.put(replace(breaker, opening=replace(opening, good_at=draft.now)))


def close_by_rate(draft: Draft, breaker: Breaker) -> None:
    """Close a breaker that a rate opened, once the same rate is at most half the limit since it opened."""
    opening, policy = breaker.opening, draft.policy.breaker
    if breaker.state is not BreakerState.OPEN or opening is None or not opening.closes_by_rate:
        return
    degraded = opening.cause is Cause.DEGRADED
    span, minimum, limit = policy.window, policy.window_minimum, policy.window_ratio
    if degraded:
        span, minimum, limit = policy.degraded_window, policy.degraded_minimum, policy.degraded_ratio
    seen = windows.count(breaker.windows.get(opening.depth, ()), draft.now - span)
    if seen.tries >= minimum and seen.share <= limit / 2:
        because = f"{breaker.provider} is back: only {percent(seen.share)} of {seen.tries} probes fail now"
        _close(draft, breaker, Signal.RATE_GOOD, because, opening.depth)


def _close(draft: Draft, breaker: Breaker, signal: Signal, because: str, reached: Depth) -> None:
    opening, now = breaker.opening, draft.now
    refused = {d: r for d, r in breaker.runs.items() if d > reached and r.failure.kind is FailureKind.AUTH}
    closed = replace(move(breaker, signal, now), runs=refused)  # forgetting them would cost one more refused login
    seconds = None
    if opening is not None:
        seconds = round((now - opening.at).total_seconds(), 3)
        if reached < opening.depth:
            until = now + draft.policy.breaker.failback_after
            probation = Probation(
                depth=opening.depth, kind=opening.kind, until=until, trial_interval=opening.trial_interval
            )
            closed = replace(closed, probation=probation)
            because = f"{because}; on probation until {rfc3339(until)}, since no probe reaches {opening.depth.word}"
        because = f"{because}, out for {span_words(now - opening.at)}"
    draft.put(closed)
    subject = f"provider/{breaker.provider}"
    incident = draft.close_incident(subject)
    draft.emit(
        EventType.PROVIDER_CLOSED,
        subject,
        Severity.INFO,
        because,
        provider=breaker.provider,
        failure_kind=str(opening.kind) if opening else None,
        incident=incident.id if incident else None,
        seconds_open=seconds,
    )
