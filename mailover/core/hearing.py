"""What a probe's result changes: runs, windows, bursts of confirmations, and the facts that prove our sight."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from mailover.core import reports, round_trips, sight, trials
from mailover.core.breaker import Breaker, Burst, PastFailure, Run
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.observations import (
    Depth,
    Failure,
    FailureKind,
    Observation,
    Overdue,
    Owner,
    ProbeKind,
    Purpose,
    Stage,
)
from mailover.core.policy import Policy
from mailover.core.sentences import span_words
from mailover.core.windows import Window, add_try

CONFIRMED_AT_ONCE = frozenset({FailureKind.AUTH, FailureKind.SUSPENDED, FailureKind.QUOTA})
"""One confirmation is enough for these."""

_STARTS_BURST = frozenset({Purpose.SCHEDULED, Purpose.CANDIDATE, Purpose.SIGHT, Purpose.MANUAL})
_KEPT_FAILURES = 10
_SLOW_OF = 5
_SLOW_AT = 3
_LAST_STAGE: Mapping[Depth, Stage] = {
    Depth.PORT: Stage.BANNER,
    Depth.LOGIN: Stage.AUTH,
    Depth.ENVELOPE: Stage.RCPT,
    Depth.SEND: Stage.END_DATA,
}


def hear_probe(draft: Draft, seen: Observation) -> None:
    """Take in one probe's result."""
    breaker = draft.breakers.get(seen.provider)
    if breaker is None:
        return
    _note(draft, breaker, seen)
    if seen.answered:
        sight.hear_answer(draft, seen)
    else:
        sight.hear_way(draft, seen)
    breaker = draft.breakers[seen.provider]
    begun_too_early = seen.started_at < max(breaker.since, draft.fleet.resumed_at)
    if not breaker.enabled or draft.blind or begun_too_early:
        return
    failure = _as_judged(seen, draft.policy)
    if failure is not None and failure.kind is FailureKind.LOCAL:
        trials.lost(draft, breaker, seen)
        return
    if seen.purpose is Purpose.SCHEDULED:
        breaker = draft.put(replace(breaker, windows=_sampled(draft, breaker, seen, failure)))
    if failure is None or failure.kind.owner is Owner.NOBODY:
        depth = seen.depth if failure is None else min(seen.depth, Depth.LOGIN)
        _succeed(draft, breaker, seen, depth)
    else:
        _fail(draft, breaker, seen, failure)


def hear_overdue(draft: Draft, late: Overdue) -> None:
    """A scheduled probe is still unanswered after `slow`: confirm before its deadline."""
    breaker = draft.breakers.get(late.provider)
    if breaker is None or not breaker.closed or draft.blind or breaker.burst is not None:
        return
    if late.probe is ProbeKind.ROUND_TRIP:  # a message may well take longer to arrive
        return
    if late.started_at >= max(breaker.since, draft.fleet.resumed_at):
        _start_burst(draft, breaker, late.probe, late.probe.depth, None)


def advance_burst(draft: Draft, breaker: Breaker) -> None:
    """Start the next confirmation when it is due; forget a burst whose confirmations have all had their time."""
    burst = breaker.burst
    if burst is None:
        return
    if draft.now >= burst.expires_at:
        draft.put(replace(breaker, burst=None))
    elif burst.next_at is not None and draft.now >= burst.next_at:
        draft.probe(breaker.provider, burst.probe, Purpose.CONFIRM)
        remaining = burst.remaining - 1
        following = max(burst.next_at, draft.now - burst.spacing / 2) + burst.spacing
        begun = replace(burst, remaining=remaining, next_at=following if remaining else None)
        draft.put(replace(breaker, burst=begun))


def _note(draft: Draft, breaker: Breaker, seen: Observation) -> None:
    """Keep what is worth knowing whatever the breaker's state: sight, dates, speed, the evidence of failures."""
    failure = seen.failure
    noted = breaker
    if seen.answered:
        answered_at = max(breaker.answered_at or seen.started_at, seen.started_at)
        noted = replace(noted, answered_at=answered_at, silent_since=None)
    elif breaker.silent_since is None:
        noted = replace(noted, silent_since=seen.finished_at)
    if failure is None:
        noted = replace(noted, ok_at=seen.finished_at, dates_refused_since=None)
        if seen.probe is ProbeKind.PORT:
            noted = replace(noted, seconds=seen.seconds)
        if seen.probe is not ProbeKind.ROUND_TRIP:
            noted = _timed(draft, noted, seen)
    else:
        kept = (*noted.failures, PastFailure(at=seen.finished_at, failure=failure))[-_KEPT_FAILURES:]
        noted = replace(noted, failures=kept)
        if failure.by_date and noted.dates_refused_since is None:
            noted = replace(noted, dates_refused_since=seen.finished_at)
        elif not failure.by_date and failure.depth > Depth.PORT:
            noted = replace(noted, dates_refused_since=None)
    draft.put(noted)


def _timed(draft: Draft, breaker: Breaker, seen: Observation) -> Breaker:
    """Slow is a fact of its own: three of the last five answers."""
    limit = draft.policy.probes.slow
    answers = (*breaker.slow_answers, seen.seconds > limit.total_seconds())[-_SLOW_OF:]
    slow = breaker.slow
    if not slow and sum(answers) >= _SLOW_AT:
        slow = True
        because = f"{sum(answers)} of the last {len(answers)} answers took longer than {span_words(limit)}"
        draft.emit(
            EventType.PROVIDER_SLOW,
            f"provider/{breaker.provider}",
            Severity.WARNING,
            f"{breaker.provider} is slow: {because}",
            provider=breaker.provider,
            seconds=round(seen.seconds, 3),
        )
    elif slow and sum(answers) <= 1:
        slow = False
        draft.emit(
            EventType.PROVIDER_NORMAL,
            f"provider/{breaker.provider}",
            Severity.INFO,
            f"{breaker.provider} answers within {span_words(limit)} again",
            provider=breaker.provider,
            seconds=round(seen.seconds, 3),
        )
    return replace(breaker, slow_answers=answers, slow=slow)


def _as_judged(seen: Observation, policy: Policy) -> Failure | None:
    """The failure to judge; with `slow_is_failure` a slow success is one."""
    limit = policy.probes.slow
    too_slow = seen.seconds > limit.total_seconds() and seen.probe is not ProbeKind.ROUND_TRIP
    if seen.failure is not None or not (policy.probes.slow_is_failure and too_slow):
        return seen.failure
    return Failure(
        kind=FailureKind.TIMEOUT,
        stage=_LAST_STAGE[seen.depth],
        text=f"answered after {seen.seconds:.1f} s, slower than {span_words(limit)}",
        replied=True,
    )


def _sampled(draft: Draft, breaker: Breaker, seen: Observation, failure: Failure | None) -> Mapping[Depth, Window]:
    """The windows with one more scheduled sample at each depth it reached."""
    if failure is not None and (failure.stage is Stage.ARRIVE or not failure.kind.moves_breaker):
        return breaker.windows
    policy = draft.policy.breaker
    reached = seen.depth if failure is None else failure.depth
    windows = dict(breaker.windows)
    for depth in Depth:
        if depth <= reached:
            failed = failure is not None and depth is reached
            windows[depth] = add_try(
                windows.get(depth, ()),
                draft.now,
                failed=failed,
                silent=failed and failure is not None and failure.silent,
                bucket=policy.window / 10,
                keep=max(policy.window, policy.degraded_window),
            )
    return windows


def _succeed(draft: Draft, breaker: Breaker, seen: Observation, depth: Depth) -> None:
    """A success clears the runs of its depth and of shallower ones, never of deeper ones."""
    runs = {d: run for d, run in breaker.runs.items() if d > depth}
    if len(runs) != len(breaker.runs):
        breaker = draft.put(replace(breaker, runs=runs))
    if breaker.burst is not None and breaker.burst.depth <= depth:
        breaker = draft.put(replace(breaker, burst=None))
    if seen.probe is ProbeKind.ROUND_TRIP and seen.ok and depth is Depth.SEND:
        round_trips.arrived(draft, seen)
    reports.hear_verification(draft, seen, None, depth)
    trials.hear(draft, seen, None, depth)


def _fail(draft: Draft, breaker: Breaker, seen: Observation, failure: Failure) -> None:
    """A failure adds to the run of its depth; what lies before its stage has just succeeded."""
    depth = failure.depth
    runs = {d: run for d, run in breaker.runs.items() if d >= depth}
    if failure.stage is Stage.ARRIVE:
        draft.put(replace(breaker, runs=runs))
        round_trips.missing(draft, seen, failure)
        return
    if failure.kind is not FailureKind.RATE_LIMIT:
        runs[depth] = _longer(draft, breaker, seen, failure)
    breaker = draft.put(replace(breaker, runs=runs))
    reports.hear_verification(draft, seen, failure, depth)
    trials.hear(draft, seen, failure, depth)
    breaker = draft.breakers[seen.provider]
    if breaker.closed and failure.kind is not FailureKind.RATE_LIMIT:
        _confirm(draft, breaker, seen, failure)


def _confirm(draft: Draft, breaker: Breaker, seen: Observation, failure: Failure) -> None:
    """Start the failure's confirmations; those of a shallower depth have just been answered."""
    burst = breaker.burst
    if burst is not None and failure.kind is FailureKind.AUTH and burst.depth is Depth.LOGIN:
        draft.put(replace(breaker, burst=_spared(draft, burst)))
    elif seen.purpose in _STARTS_BURST and (burst is None or burst.depth < failure.depth):
        _start_burst(draft, breaker, _confirming(failure.depth, seen), failure.depth, failure)


def _spared(draft: Draft, burst: Burst) -> Burst:
    """The confirmations of a late login that is refused now: one in all, lest the provider lock the account."""
    pause = draft.policy.probes.auth_pause
    if burst.spacing == pause or burst.next_at is None:
        return burst
    if burst.remaining < draft.policy.breaker.failures - 1:
        return replace(burst, next_at=None, remaining=0)
    expires_at = burst.expires_at + pause
    return replace(burst, next_at=draft.now + pause, remaining=1, spacing=pause, expires_at=expires_at)


def _longer(draft: Draft, breaker: Breaker, seen: Observation, failure: Failure) -> Run:
    run, burst = breaker.runs.get(failure.depth), breaker.burst
    if run is None or run.failure.stage is Stage.ARRIVE:
        since, witness_at = seen.finished_at, None
        if burst is not None and seen.started_at <= burst.since <= seen.finished_at:  # it was overdue
            since, witness_at = burst.since, burst.witness_at
        return Run(
            depth=failure.depth,
            since=since,
            begun_at=seen.started_at,
            witness_at=witness_at or sight.first_witness(draft, breaker.provider, since),
            length=1,
            replied=int(not failure.silent),
            same=1,
            failure=failure,
        )
    return replace(
        run,
        begun_at=max(run.begun_at, seen.started_at),
        length=run.length + 1,
        replied=run.replied + (not failure.silent),
        same=run.same + 1 if run.failure.kind is failure.kind else 1,
        failure=failure,
    )


def _confirming(depth: Depth, seen: Observation) -> ProbeKind:
    """The probe that looks at this depth again."""
    if depth is Depth.PORT:
        return ProbeKind.PORT
    if depth is Depth.LOGIN:
        return ProbeKind.LOGIN
    return seen.probe or ProbeKind.LOGIN


def _start_burst(draft: Draft, breaker: Breaker, probe: ProbeKind, depth: Depth, failure: Failure | None) -> None:
    """Start confirmations, and ask the witnesses when it may be us."""
    policy = draft.policy
    remaining, spacing = policy.breaker.failures - 1, policy.probes.retry_interval
    if failure is not None and failure.kind in CONFIRMED_AT_ONCE:
        remaining = 1
        spacing = policy.probes.auth_pause if failure.kind is FailureKind.AUTH else spacing
    if remaining > 0:
        lasts = remaining * spacing + _deadline(policy, probe) + timedelta(seconds=1)
        draft.put(
            replace(
                breaker,
                burst=Burst(
                    probe=probe,
                    depth=depth,
                    since=draft.now,
                    next_at=draft.now + spacing,
                    remaining=remaining,
                    spacing=spacing,
                    expires_at=draft.now + lasts,
                ),
            )
        )
    may_be_us = failure is None or failure.silent or failure.by_date
    if may_be_us or draft.streams_led_by(breaker.provider):
        sight.look_for_witnesses(draft, breaker.provider)


def _deadline(policy: Policy, probe: ProbeKind) -> timedelta:
    return policy.probes.deadline + (
        policy.probes.round_trip_deadline if probe is ProbeKind.ROUND_TRIP else timedelta()
    )
