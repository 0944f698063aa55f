"""What applications say of their sends: verified by probes at once, and counted as ballots.

Reports never touch the runs: those are the probes' own. A reporter that probes contradict is not heard for a while.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailover.core import egress, sight, trials
from mailover.core.breaker import Breaker, Cause, Outcome, PastFailure, Verification
from mailover.core.draft import Draft
from mailover.core.fleet import Reporter
from mailover.core.observations import Depth, Failure, FailureKind, Observation, Owner, ProbeKind, Purpose
from mailover.core.policy import ReportPolicy
from mailover.core.sentences import failure_words

_KEPT_FAILURES = 10


def hear_report(draft: Draft, told: Observation) -> None:
    """Take in one report of real sends."""
    breaker = draft.breakers.get(told.provider)
    if breaker is None or not breaker.enabled or told.reporter is None or told.started_at < breaker.since:
        return
    failure = told.failure
    if draft.blind or (failure is not None and failure.kind is FailureKind.LOCAL):
        return
    if failure is None or failure.kind.owner is Owner.NOBODY:
        depth = told.depth if failure is None else min(told.depth, Depth.LOGIN)
        outcome = Outcome(at=min(told.finished_at, draft.now), depth=depth, ok=True)
        breaker = draft.put(_balloted(breaker, told, outcome, draft.policy.reports, draft.now))
        trials.hear_reported_success(draft, breaker, depth)
        return
    _hear_blame(draft, breaker, told, told.reporter, failure)


def _hear_blame(draft: Draft, breaker: Breaker, told: Observation, reporter: str, failure: Failure) -> None:
    """A provider- or account-owned failure: kept, counted and verified; a rate limit is kept and no more."""
    at = min(told.finished_at, draft.now)
    past = PastFailure(at=at, failure=failure, reporter=reporter)
    breaker = draft.put(replace(breaker, failures=(*breaker.failures, past)[-_KEPT_FAILURES:]))
    if failure.kind is FailureKind.RATE_LIMIT:
        return
    outcome = Outcome(at=at, depth=failure.depth, ok=False, silent=failure.silent)
    breaker = draft.put(_balloted(breaker, told, outcome, draft.policy.reports, draft.now))
    probation = breaker.probation
    if probation is not None and breaker.closed and draft.now < probation.until and failure.depth is probation.depth:
        because = f"{reporter} reports a failure at the depth on probation ({failure_words(failure)})"
        trials.open_breaker(draft, breaker, cause=Cause.PROBATION, failure=failure, because=because, first_signal_at=at)
        return
    _verify(draft, breaker, reporter, failure)


def _balloted(breaker: Breaker, told: Observation, outcome: Outcome, policy: ReportPolicy, now: datetime) -> Breaker:
    reporter, oldest = told.reporter or "", now - policy.ballot_window
    added = (outcome,) * min(max(told.count, 1), policy.ballot_outcomes)
    recent = tuple(o for o in (*breaker.ballots.get(reporter, ()), *added) if o.at > oldest)
    others = {name: theirs for name, theirs in breaker.ballots.items() if theirs and theirs[-1].at > oldest}
    return replace(breaker, ballots={**others, reporter: recent[-policy.ballot_outcomes :]})


def _verify(draft: Draft, breaker: Breaker, reporter: str, failure: Failure) -> None:
    policy = draft.policy
    known = draft.fleet.reporters.get(reporter)
    muted = known is not None and draft.now < known.muted_until
    lately = breaker.verified_at is not None and draft.now < breaker.verified_at + policy.reports.verify_interval
    if not breaker.closed or draft.blind or muted or lately or breaker.verification is not None:
        return
    probe = trials.probe_reaching(draft, breaker.provider, failure.depth)
    wanted = 1 if failure.kind is FailureKind.AUTH else 2
    lasts = policy.probes.deadline + timedelta(seconds=2)
    if probe is ProbeKind.ROUND_TRIP:
        lasts += policy.probes.round_trip_deadline
    draft.probe(breaker.provider, probe, Purpose.VERIFY, times=wanted)
    verification = Verification(
        probe=probe,
        depth=failure.depth,
        reporter=reporter,
        since=draft.now,
        wanted=wanted,
        expires_at=draft.now + lasts,
    )
    draft.put(replace(breaker, verification=verification, verified_at=draft.now))
    sight.look_for_witnesses(draft, breaker.provider)


def hear_verification(draft: Draft, seen: Observation, failure: Failure | None, depth: Depth) -> None:
    """A verifying probe came back: one success contradicts the report, all failing prove it."""
    breaker = draft.breakers[seen.provider]
    checked = breaker.verification
    if checked is None or seen.purpose is not Purpose.VERIFY or seen.started_at < checked.since:
        return
    if failure is not None and failure.kind is not FailureKind.RATE_LIMIT:
        failed = replace(checked, failed=checked.failed + 1, failure=failure)
        draft.put(replace(breaker, verification=failed))
        return
    if failure is None and depth >= min(checked.probe.depth, checked.depth):
        draft.put(replace(breaker, verification=None))
        if depth >= checked.depth:
            _mute(draft, checked.reporter)


def proven_report(draft: Draft, breaker: Breaker) -> Verification | None:
    """The verification all of whose probes failed, if they were silent while somebody else answered."""
    checked = breaker.verification
    if checked is None or checked.failure is None or checked.failed < checked.wanted:
        return None
    soon = checked.since + draft.policy.probes.retry_interval
    if checked.failure.silent and (checked.witness_at is None or checked.witness_at > soon):
        return None
    return None if egress.in_doubt(draft, breaker, checked.failure, checked.since) else checked


def believe(draft: Draft, reporter: str) -> None:
    """Probes agreed with this reporter: its word has its full weight again."""
    reporters = {name: known for name, known in draft.fleet.reporters.items() if name != reporter}
    if len(reporters) != len(draft.fleet.reporters):
        draft.rewrite(reporters=reporters)


def expire_verification(draft: Draft, breaker: Breaker) -> None:
    """Forget a verification whose probes never came back."""
    if breaker.verification is not None and draft.now >= breaker.verification.expires_at:
        draft.put(replace(breaker, verification=None))


def _mute(draft: Draft, reporter: str) -> None:
    policy = draft.policy.reports
    known = draft.fleet.reporters.get(reporter)
    forgotten = known is None or draft.now > known.muted_until + policy.ballot_window
    mute = policy.mute if known is None or forgotten else min(known.mute * 2, policy.mute_max)
    muted = Reporter(muted_until=draft.now + mute, mute=mute)
    draft.rewrite(reporters={**draft.fleet.reporters, reporter: muted})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A strict majority against a provider."""

    share: float
    """Failing share of all outcomes the voters told of."""
    since: datetime
    """The first of the failures."""
    until: datetime
    """The latest."""


def outvoted(draft: Draft, breaker: Breaker, depth: Depth) -> Vote | None:
    """The vote when a strict majority of voters says that this depth fails, else None.

    Where scheduled probes look (port, login) a lone voter is not enough: the verification has asked the probes. A
    reporter with too few outcomes to vote still speaks against, when its mail has come through since.
    """
    if not breaker.ballots:
        return None
    policy, quiet = draft.policy.reports, sight.noisy(draft)
    oldest = draft.now - policy.ballot_window
    heard = [
        [o for o in _at_depth(outcomes, depth, oldest) if not (quiet and o.silent)]
        for outcomes in breaker.ballots.values()
    ]
    voters = [theirs for theirs in heard if len(theirs) >= policy.ballot_minimum]
    failing = [theirs for theirs in voters if _fails(theirs, policy)]
    failures = [outcome.at for theirs in voters for outcome in theirs if not outcome.ok]
    if not failing or (len(voters) == 1 and depth <= Depth.LOGIN):
        return None
    since = min(failures)
    too_few = [theirs for theirs in heard if theirs and len(theirs) < policy.ballot_minimum]
    against = sum(theirs[-1].ok and theirs[-1].at >= since for theirs in too_few)
    if len(failing) * 2 <= len(voters) + against:
        return None
    return Vote(share=len(failures) / sum(map(len, voters)), since=since, until=max(failures))


def _fails(theirs: Sequence[Outcome], policy: ReportPolicy) -> bool:
    bad = sum(not outcome.ok for outcome in theirs)
    return bad >= policy.ballot_failures and bad >= policy.ballot_ratio * len(theirs)


def _at_depth(outcomes: Iterable[Outcome], depth: Depth, since: datetime) -> Iterable[Outcome]:
    """The outcomes that say something of this depth: those that passed it, and those that failed there."""
    for outcome in outcomes:
        if outcome.at > since and (outcome.depth >= depth if outcome.ok else outcome.depth is depth):
            yield outcome
