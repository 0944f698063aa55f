"""A provider that is not bad enough to leave, and bad enough to be told of: its failure rate and its latency."""

from dataclasses import replace

from mailover.core import sight
from mailover.core.breaker import Breaker
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.observations import Observation, ProbeKind, Purpose
from mailover.core.sentences import percent, span_words
from mailover.core.watch import Sample

_RECOVERED_AT = 0.5
"""A degraded provider is well again at this part of the limit, so that a rate at the limit does not flap."""
_FAST_AGAIN_AT = 0.8
_FEWEST_ANSWERS = 5


def sample(draft: Draft, seen: Observation) -> None:
    """Take in what is a fair sample: scheduled probes and real sends through a provider that is in use."""
    breaker = draft.breakers[seen.provider]
    fair = seen.purpose in {Purpose.SCHEDULED, Purpose.REPORT} and seen.started_at >= breaker.since
    if not fair or not breaker.closed or draft.blind or _perhaps_ours(draft, seen):
        return
    failed = seen.failure is not None and seen.failure.kind.moves_breaker
    timed = seen.ok and seen.purpose is Purpose.SCHEDULED and seen.probe is not ProbeKind.ROUND_TRIP
    taken = Sample(
        at=draft.now,
        tries=seen.count,
        failures=seen.count if failed else 0,
        answers=int(timed),
        seconds=seen.seconds if timed else 0.0,
    )
    draft.put(replace(breaker, watch=breaker.watch.sampled(taken, window=draft.policy.alerts.window)))


def _perhaps_ours(draft: Draft, seen: Observation) -> bool:
    return seen.failure is not None and seen.failure.silent and sight.noisy(draft)


def judge(draft: Draft, breaker: Breaker) -> None:
    """Warn when a limit is passed, and say when the provider is well again."""
    policy, watch, name = draft.policy.alerts, breaker.watch, breaker.provider
    if not breaker.closed or draft.blind:
        if watch.degraded or watch.samples:  # what follows is told by other events
            draft.put(replace(breaker, watch=replace(watch, degraded=False, samples=())))
        return
    seen = watch.since(max(draft.now - policy.window, breaker.since))
    within = f"within {span_words(policy.window)}"
    failing = f"{seen.failures} of {seen.tries} attempts ({percent(seen.share)}) failed {within}"
    slow = f"its answers took {seen.latency.total_seconds():.1f} s on average {within}"
    if not watch.degraded:
        rate = seen.failures >= policy.failures and seen.share > policy.failure_rate
        late = seen.answers >= _FEWEST_ANSWERS and seen.latency > policy.latency
        if (rate or late) and seen.tries >= policy.minimum:
            because = " and ".join(([failing] if rate else []) + ([slow] if late else []))
            _turn(draft, breaker, seen, f"{name} is degraded: {because}", degraded=True)
    elif seen.share <= policy.failure_rate * _RECOVERED_AT and seen.latency <= policy.latency * _FAST_AGAIN_AT:
        _turn(draft, breaker, seen, f"{name} is no longer degraded: {failing}, {slow}", degraded=False)


def _turn(draft: Draft, breaker: Breaker, seen: Sample, because: str, *, degraded: bool) -> None:
    draft.put(replace(breaker, watch=replace(breaker.watch, degraded=degraded)))
    draft.emit(
        EventType.PROVIDER_DEGRADED if degraded else EventType.PROVIDER_NORMAL,
        f"provider/{breaker.provider}",
        Severity.WARNING if degraded else Severity.INFO,
        because,
        provider=breaker.provider,
        degraded=degraded,
        failure_rate=round(seen.share, 4),
        latency_seconds=round(seen.latency.total_seconds(), 3),
        attempts=seen.tries,
    )
