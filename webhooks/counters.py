"""What has happened since the process started, counted for Prometheus: probes, sends, moves. Nobody reads them here."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailover.core.decide import Decision
from mailover.core.events import Event, EventType
from mailover.core.observations import Observation, ProbeKind, Purpose
from mailover.service import Snapshot

_FLIPS = {EventType.FAILOVER_HAPPENED: "failover", EventType.FAILBACK_HAPPENED: "failback"}
_OUTCOMES = {True: "ok", False: "failed"}
_PROBE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TRIP_BUCKETS = (1, 2.5, 5, 10, 30, 60, 120)
_DETECT_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Counters:
    """Listens to the service; every label set of the config is there from the beginning, at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Nothing is counted before `prepare`."""
        probe = ["provider", "kind"]
        self._probes = Counter("mailover_probes", "Probes, by outcome.", [*probe, "outcome"], registry=registry)
        self._seconds = Histogram(
            "mailover_probe_duration_seconds",
            "How long probes took, failed ones too.",
            probe,
            buckets=_PROBE_BUCKETS,
            registry=registry,
        )
        self._succeeded = Gauge(
            "mailover_probe_last_success_timestamp_seconds", "When a probe last succeeded.", probe, registry=registry
        )
        self._trips = Histogram(
            "mailover_delivery_roundtrip_seconds",
            "From sending a test message to finding it.",
            ["provider"],
            buckets=_TRIP_BUCKETS,
            registry=registry,
        )
        self._certificates = Gauge(
            "mailover_tls_cert_not_after_timestamp_seconds",
            "When the provider's certificate ends.",
            ["provider"],
            registry=registry,
        )
        self._sends = Counter(
            "mailover_sends", "Real sends that were reported, by outcome.", ["provider", "outcome"], registry=registry
        )
        self._flips = Counter(
            "mailover_failovers",
            "Moves of a stream from one provider to another.",
            ["stream", "from_provider", "to_provider", "reason"],
            registry=registry,
        )
        self._notifications = Counter(
            "mailover_notifications",
            "Attempts to tell somebody of an event, by outcome.",
            ["channel", "outcome"],
            registry=registry,
        )
        self.requests = Counter(
            "mailover_http_requests", "Requests answered, by route and status.", ["route", "code"], registry=registry
        )
        self._detected = Histogram(
            "mailover_failover_duration_seconds",
            "From the first failing signal to the new flag.",
            ["stream"],
            buckets=_DETECT_BUCKETS,
            registry=registry,
        )

    def hear_attempt(self, channel: str, outcome: str) -> None:
        """Count an attempt to tell somebody."""
        self._notifications.labels(channel, outcome).inc()

    def prepare(self, snapshot: Snapshot) -> None:
        """Make every label set of this config."""
        policy = snapshot.policy
        for provider in policy.providers:
            self._trips.labels(provider)
            for outcome in _OUTCOMES.values():
                self._sends.labels(provider, outcome)
            for kind in ProbeKind:
                self._seconds.labels(provider, kind)
                for outcome in _OUTCOMES.values():
                    self._probes.labels(provider, kind, outcome)
        for stream in policy.streams.values():
            self._detected.labels(stream.name)
            for left in stream.providers:
                for taken in stream.providers:
                    for reason in _FLIPS.values() if left != taken else ():
                        self._flips.labels(stream.name, left, taken, reason)

    def hear_decision(self, _snapshot: Snapshot, decision: Decision) -> None:
        """Count the moves."""
        for event in decision.events:
            if event.type in _FLIPS:
                self._count_flip(event)

    def hear_observations(self, seen: Sequence[Observation]) -> None:
        """Count the attempts."""
        for each in seen:
            if each.purpose is Purpose.REPORT or each.probe is None:
                self._sends.labels(each.provider, _OUTCOMES[each.ok]).inc(each.count)
            else:
                self._count_probe(each, each.probe)

    def _count_flip(self, event: Event) -> None:
        data = event.data
        self._flips.labels(data.get("stream"), data.get("from"), data.get("to"), _FLIPS[event.type]).inc()
        seconds = data.get("seconds_to_detect")
        if isinstance(seconds, int | float):
            self._detected.labels(data.get("stream")).observe(seconds)

    def _count_probe(self, seen: Observation, kind: ProbeKind) -> None:
        self._probes.labels(seen.provider, kind, _OUTCOMES[seen.ok]).inc()
        self._seconds.labels(seen.provider, kind).observe(seen.seconds)
        if seen.ok:
            self._succeeded.labels(seen.provider, kind).set(seen.finished_at.timestamp())
        if seen.ok and kind is ProbeKind.ROUND_TRIP:
            self._trips.labels(seen.provider).observe(seen.seconds)
        not_after = _instant(seen.facts.get("certificate_not_after"))
        if not_after is not None:
            self._certificates.labels(seen.provider).set(not_after.timestamp())


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
