"""The rules that open a breaker: a run, a proven report, a majority of ballots, a rate."""

from datetime import datetime

from mailover.core import egress, reports, sight, trials
from mailover.core.breaker import Breaker, Cause, Run
from mailover.core.draft import Draft
from mailover.core.hearing import CONFIRMED_AT_ONCE
from mailover.core.observations import Depth, Failure, FailureKind, Stage
from mailover.core.sentences import failure_words, percent, span_words
from mailover.core.windows import Count, count

_BROKEN_OFF = frozenset({FailureKind.CONNECTION, FailureKind.TIMEOUT, FailureKind.AMBIGUOUS})


def judge(draft: Draft, breaker: Breaker) -> None:
    """Open a closed breaker that a rule says must open; close one that its rate says may close."""
    if not breaker.enabled or draft.blind:
        return
    if not breaker.closed:
        trials.close_by_rate(draft, breaker)
        return
    _ = _by_report(draft, breaker) or _by_run(draft, breaker) or _by_ballot(draft, breaker) or _by_rate(draft, breaker)


def _by_run(draft: Draft, breaker: Breaker) -> bool:
    for run in breaker.runs.values():
        if run.failure.stage is Stage.ARRIVE or not _long_enough(draft, run):
            continue
        if run.failure.silent and (not run.witnessed or egress.in_doubt(draft, breaker, run.failure, run.since)):
            continue
        if _cut_short(run.failure) and not _greeted_since(breaker, run):
            continue
        probes = "probe" if run.length == 1 else "probes"
        because = f"{run.length} {run.depth.word} {probes} failed in a row ({failure_words(run.failure)})"
        trials.open_breaker(
            draft, breaker, cause=Cause.RUN, failure=run.failure, because=because, first_signal_at=run.since
        )
        return True
    return False


def _cut_short(failure: Failure) -> bool:
    """Whether dialogues broke off: a network of ours that goes away cuts all that are under way at that moment."""
    return failure.kind in _BROKEN_OFF and not failure.silent


def _greeted_since(breaker: Breaker, run: Run) -> bool:
    """Whether an attempt begun after the first failure got an answer, here or elsewhere: then it is not our network."""
    return run.witness_at is not None or (breaker.answered_at is not None and breaker.answered_at >= run.since)


def _answered_since(draft: Draft, breaker: Breaker, since: datetime) -> bool:
    own = breaker.answered_at is not None and breaker.answered_at >= since
    return own or sight.proven(draft, breaker.provider, since)


def _long_enough(draft: Draft, run: Run) -> bool:
    failures = draft.policy.breaker.failures
    if run.failure.kind in CONFIRMED_AT_ONCE and run.same >= min(2, failures):
        return True
    if run.replied >= failures or not run.failure.silent:
        return run.length >= failures
    return run.length >= (2 * failures + 2 if sight.noisy(draft) else failures)


def _by_report(draft: Draft, breaker: Breaker) -> bool:
    proven = reports.proven_report(draft, breaker)
    if proven is None or proven.failure is None:
        return False
    probes = "a probe" if proven.wanted == 1 else f"{proven.wanted} probes"
    because = f"{proven.reporter} reports a failure and {probes} agreed ({failure_words(proven.failure)})"
    reports.believe(draft, proven.reporter)
    trials.open_breaker(
        draft, breaker, cause=Cause.REPORT, failure=proven.failure, because=because, first_signal_at=proven.since
    )
    return True


def _by_ballot(draft: Draft, breaker: Breaker) -> bool:
    for depth in Depth:
        told = _latest(breaker, depth, reported=True)
        vote = reports.outvoted(draft, breaker, depth) if told is not None else None
        if vote is None or told is None:
            continue
        if told.silent and not sight.proven(draft, breaker.provider, vote.since, vote.until):
            continue
        if _cut_short(told) and not _answered_since(draft, breaker, vote.since):
            continue
        if egress.in_doubt(draft, breaker, told, vote.since):
            continue
        because = f"most applications report failures ({percent(vote.share)} of sends, {failure_words(told)})"
        trials.open_breaker(
            draft,
            breaker,
            cause=Cause.BALLOT,
            failure=told,
            because=because,
            first_signal_at=vote.since,
            share=vote.share,
        )
        return True
    return False


def _by_rate(draft: Draft, breaker: Breaker) -> bool:
    policy = draft.policy.breaker
    quiet = sight.noisy(draft)
    for depth, window in breaker.windows.items():
        if not window or window[-1].failures == 0:
            continue
        seen = count(window, draft.now - policy.window, without_silence=quiet)
        cause, span = Cause.RATIO, policy.window
        if not _over(seen, policy.window_minimum, policy.window_failures, policy.window_ratio):
            seen = count(window, draft.now - policy.degraded_window, without_silence=quiet)
            cause, span = Cause.DEGRADED, policy.degraded_window
            if not _over(seen, policy.degraded_minimum, policy.degraded_failures, policy.degraded_ratio):
                continue
            if not _somebody_is_better(draft, breaker, depth, seen):
                continue
        failure = _latest(breaker, depth, reported=False)
        since = next(bucket.at for bucket in window if bucket.failures)
        if failure is None or (failure.silent and not sight.proven(draft, breaker.provider, since)):
            continue
        if egress.in_doubt(draft, breaker, failure, since):
            continue
        share = f"{percent(seen.share)} of {seen.tries} probes"
        because = f"{share} at depth {depth.word} failed within {span_words(span)} ({failure_words(failure)})"
        trials.open_breaker(
            draft,
            breaker,
            cause=cause,
            failure=failure,
            because=because,
            first_signal_at=since,
            share=seen.share,
        )
        return True
    return False


def _over(seen: Count, minimum: int, failures: int, ratio: float) -> bool:
    return seen.tries >= minimum and seen.failures >= failures and seen.share >= ratio


def _somebody_is_better(draft: Draft, breaker: Breaker, depth: Depth, seen: Count) -> bool:
    """Whether a closed alternative in one of its streams fails at most a third as often."""
    policy = draft.policy.breaker
    since = draft.now - policy.degraded_window
    for stream in draft.streams:
        order = draft.order_of(stream)
        if breaker.provider not in order:
            continue
        for other in draft.others(breaker.provider):
            theirs = count(other.windows.get(depth, ()), since)
            known = theirs.tries >= policy.degraded_minimum
            if other.provider in order and other.closed and known and theirs.share <= seen.share / 3:
                return True
    return False


def _latest(breaker: Breaker, depth: Depth, *, reported: bool) -> Failure | None:
    """The latest failure kept of this depth, from a report or from a probe."""
    for past in reversed(breaker.failures):
        moves = past.failure.kind.moves_breaker and past.failure.depth is depth
        if moves and (past.reporter is not None) is reported:
            return past.failure
    return None
