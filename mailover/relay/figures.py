"""The relay's own figures for Prometheus: what comes, what waits, what was delivered by whom, and how long it took.

Counted as it happens; nobody reads them here. Labels come from the config only.
"""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailover.core.mail import Mail, QueueDepth
from mailover.core.observations import Failure, Owner
from mailover.core.verdicts import Verdict, verdict
from mailover.relay.intake import Coming

_OUTCOMES = ("taken", "refused", "deferred")
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class Figures:
    """On one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Everything begins at 0."""
        self._deliveries = Counter(
            "mailover_deliveries",
            "Copies handed to a provider, by what came of it.",
            ["provider", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "mailover_time_to_deliver_seconds",
            "From accepting a message to a provider taking it.",
            ["stream"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._expired = Counter(
            "mailover_mails_expired", "Copies that nobody took in time.", ["stream"], registry=registry
        )
        self._depth = Gauge("mailover_queue_depth", "Mails that wait in the relay.", ["stream"], registry=registry)
        self._age = Gauge(
            "mailover_queue_oldest_age_seconds", "Age of the oldest mail that waits.", ["stream"], registry=registry
        )
        self._bytes = Gauge("mailover_queue_bytes", "Bytes of the mails that wait.", ["stream"], registry=registry)
        self._ambiguous = Gauge(
            "mailover_queue_ambiguous", "Mails whose final dot was never answered.", ["stream"], registry=registry
        )
        self._failed = Gauge(
            "mailover_queue_failed", "Mails that were refused for good.", ["stream"], registry=registry
        )
        self._under_way = Gauge("mailover_deliveries_under_way", "Messages that are being sent.", registry=registry)
        self._sessions = Gauge("mailover_intake_sessions", "SMTP clients that are connected.", registry=registry)
        self._came = Counter(
            "mailover_intake_messages", "Messages handed over by SMTP, by the answer.", ["outcome"], registry=registry
        )
        for outcome in _OUTCOMES:
            self._came.labels(outcome)
        self._unheard = Counter(
            "mailover_intake_unheard", "Messages kept whose client was gone before the answer.", registry=registry
        )
        self._turned_away = Counter(
            "mailover_intake_turned_away", "SMTP connections beyond the limits.", registry=registry
        )
        self._failed_logins = Counter("mailover_intake_failed_logins", "Wrong logins by SMTP.", registry=registry)

    def attempted(self, mail: Mail, provider: str, address: str, failure: Failure | None, now: datetime) -> None:
        """One recipient's copy was put to a provider."""
        self._deliveries.labels(provider, _word(address, failure)).inc()
        if failure is None:
            self._seconds.labels(mail.stream).observe(max(0.0, (now - mail.accepted_at).total_seconds()))

    def came(self, now: Coming, *, since: Coming) -> None:
        """Who is connected, and what came by SMTP meanwhile."""
        self._sessions.set(now.sessions)
        for outcome in _OUTCOMES:
            self._came.labels(outcome).inc(getattr(now, outcome) - getattr(since, outcome))
        self._unheard.inc(now.unheard - since.unheard)
        self._turned_away.inc(now.turned_away - since.turned_away)
        self._failed_logins.inc(now.failed_logins - since.failed_logins)

    def expired(self, stream: str, copies: int) -> None:
        """Copies that are worth nothing any more."""
        self._expired.labels(stream).inc(copies)

    def waiting(self, depths: Mapping[str, QueueDepth], streams: Mapping[str, object], now: datetime) -> None:
        """What the queue holds now; streams that it has nothing of are at 0."""
        for stream in {*depths, *streams}:
            depth = depths.get(stream, QueueDepth(stream=stream))
            age = (now - depth.oldest_at).total_seconds() if depth.oldest_at is not None else 0.0
            self._depth.labels(stream).set(depth.queued)
            self._age.labels(stream).set(max(0.0, age))
            self._bytes.labels(stream).set(depth.bytes)
            self._ambiguous.labels(stream).set(depth.ambiguous)
            self._failed.labels(stream).set(depth.failed)

    def under_way(self, messages: int) -> None:
        """How many are being sent."""
        self._under_way.set(messages)


def _word(address: str, failure: Failure | None) -> str:
    match verdict(address, failure):
        case Verdict.TAKEN:
            return "delivered"
        case Verdict.UNANSWERED:
            return "ambiguous"
        case Verdict.REFUSED | Verdict.UNFIT:
            return "refused"
        case Verdict.LATER | Verdict.AGAIN | Verdict.ALONE:
            return "put_off"
        case Verdict.ELSEWHERE:
            return "local" if failure is not None and failure.kind.owner is Owner.LOCAL else "failed"
