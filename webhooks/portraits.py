"""A provider and its attempts in the API's words: pure functions from values to JSON."""

from datetime import datetime, timedelta

from mailover.core.breaker import Breaker, BreakerState
from mailover.core.events import rfc3339
from mailover.core.observations import Depth, Failure, Observation
from mailover.core.providers import Provider
from mailover.core.scoring import Figures, uptime
from mailover.storage.store import Tally

NINETY_FIFTH = 0.95


def portrait(provider: Provider, breaker: Breaker, day: Figures, week: Figures) -> dict[str, object]:
    """Everything that is known about a provider."""
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
            "average_seconds": _rounded(day.spread.average, 6),
            "p95_seconds": _rounded(day.spread.percentile(NINETY_FIFTH), 6),
            "slow": breaker.slow,
        },
        "metrics": _metrics(day),
        "score": _score(day),
        "week": {"metrics": _metrics(week), "score": _score(week)},
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


def figures(tally: Tally, breaker: Breaker, span: timedelta, now: datetime) -> Figures:
    """What a tally of the last `span` comes to."""
    since = max(now - span, tally.watched_since or now)
    up_now = breaker.closed if breaker.enabled else None
    return Figures(
        span=span,
        sends=tally.sends,
        checks=tally.checks,
        spread=tally.spread,
        failovers=tally.failovers,
        uptime=uptime(tally.changes, up_now=up_now, since=since, now=now),
    )


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


def _score(achieved: Figures) -> dict[str, object]:
    percent = _rounded(achieved.score, 2)
    return {"percent": percent, "sends": achieved.sends.tries, "checks": achieved.checks.tries}


def _metrics(achieved: Figures) -> dict[str, object]:
    sends, checks = achieved.sends, achieved.checks
    return {
        "span_seconds": int(achieved.span.total_seconds()),
        "sends": sends.tries,
        "sends_ok": sends.ok,
        "success_rate": sends.rate,
        "failures_per_hour": round(achieved.failures_per_hour, 3),
        "checks": checks.tries,
        "checks_ok": checks.ok,
        "checks_rate": checks.rate,
        "average_seconds": _rounded(achieved.spread.average, 6),
        "p95_seconds": _rounded(achieved.spread.percentile(NINETY_FIFTH), 6),
        "failovers": achieved.failovers,
        "failovers_per_day": round(achieved.failovers / (achieved.span / timedelta(days=1)), 3),
        "uptime": _rounded(achieved.uptime, 6),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
