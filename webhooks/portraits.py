"""A provider and its attempts in the API's words: pure functions from values to JSON."""

from datetime import datetime, timedelta

from mailover.core.breaker import Breaker, BreakerState
from mailover.core.events import rfc3339
from mailover.core.observations import Depth, Failure, Observation
from mailover.core.providers import Provider
from mailover.storage.store import Tally

_SENDS_WEIGH = 0.7
_CHECKS_WEIGH = 0.3


def portrait(provider: Provider, breaker: Breaker, tally: Tally, span: timedelta) -> dict[str, object]:
    """Everything that is known about a provider; `tally` was counted over `span`."""
    opening = breaker.opening
    return {
        "name": provider.name,
        "host": provider.host,
        "port": provider.port,
        "tls": str(provider.tls),
        "enabled": breaker.enabled,
        "shadow": provider.shadow,
        "health": health(breaker),
        "breaker": str(breaker.state),
        "since": rfc3339(breaker.since),
        "opened_at": instant(opening.at if opening else None),
        "opened_because": opening and opening.because,
        "failure_kind": opening and str(opening.kind),
        "next_trial_at": instant(opening.trial_at if opening else None),
        "answered_at": instant(breaker.answered_at),
        "ok_at": instant(breaker.ok_at),
        "runs": {depth.word: breaker.runs[depth].length if depth in breaker.runs else 0 for depth in Depth},
        "last_failures": [
            {"at": rfc3339(past.at), "reporter": past.reporter, **failure_body(past.failure)}
            for past in breaker.failures
        ],
        "latency": {
            "last_seconds": breaker.seconds,
            "average_seconds": tally.seconds_average,
            "p95_seconds": tally.seconds_p95,
            "slow": breaker.slow,
        },
        "metrics": _metrics(tally, span),
        "score": {"percent": score(tally), "sends": tally.sends, "checks": tally.checks},
        "dns": breaker.dns,
    }


def health(breaker: Breaker) -> str:
    """The breaker in one word for people."""
    if breaker.state is BreakerState.DISABLED:
        return "disabled"
    if not breaker.closed:
        return "down"
    if breaker.slow or breaker.runs:
        return "degraded"
    return "healthy" if breaker.ok_at is not None else "unknown"


def score(tally: Tally) -> float | None:
    """Reliability in percent: 70 % real sends, 30 % checks; what has no sample leaves its weight to the other."""
    shares = [
        (weight, ok / tried)
        for weight, ok, tried in (
            (_SENDS_WEIGH, tally.sends_ok, tally.sends),
            (_CHECKS_WEIGH, tally.checks_ok, tally.checks),
        )
        if tried
    ]
    if not shares:
        return None
    return round(100 * sum(weight * share for weight, share in shares) / sum(weight for weight, _ in shares), 2)


def failure_body(failure: Failure) -> dict[str, object]:
    """A failure as JSON."""
    return {
        "kind": str(failure.kind),
        "stage": str(failure.stage),
        "code": failure.code,
        "enhanced": failure.enhanced,
        "text": failure.text,
    }


def stage_seconds(seen: Observation) -> list[dict[str, object]]:
    """How long each stage of an attempt took."""
    return [{"stage": str(stage), "seconds": seconds} for stage, seconds in seen.stages]


def instant(at: datetime | None) -> str | None:
    """An instant that may be missing."""
    return None if at is None else rfc3339(at)


def _metrics(tally: Tally, span: timedelta) -> dict[str, object]:
    failed = tally.sends - tally.sends_ok + tally.checks - tally.checks_ok
    return {
        "span_seconds": int(span.total_seconds()),
        "sends": tally.sends,
        "sends_ok": tally.sends_ok,
        "success_rate": tally.sends_ok / tally.sends if tally.sends else None,
        "failures_per_hour": round(failed / (span / timedelta(hours=1)), 3),
        "checks": tally.checks,
        "checks_ok": tally.checks_ok,
        "checks_rate": tally.checks_ok / tally.checks if tally.checks else None,
    }
