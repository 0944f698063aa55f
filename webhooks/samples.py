"""Made-up events for who sets a workflow up before anything has happened: each type's shape, with names of this fleet.

They are in no log, and their ids say what they are.
"""

from collections.abc import Mapping
from datetime import datetime

from mailover.core.events import Event, EventType, Severity, rfc3339
from mailover.service import Snapshot

_INCIDENT = {"incident": "inc_sample_000001"}
_QUEUE = {"queued": 120, "ambiguous": 1}
_RATES = {"failure_rate": 0.08, "latency_seconds": 0.4, "attempts": 100}
_FACTS: Mapping[EventType, Mapping[str, object]] = {
    EventType.FAILOVER_HAPPENED: {**_INCIDENT, "epoch": 2, "failure_kind": "connection", "seconds_to_detect": 4.1},
    EventType.FAILBACK_HAPPENED: {**_INCIDENT, "epoch": 3, "failure_kind": "connection", "by": "operator"},
    EventType.FAILBACK_PAUSED: {**_INCIDENT, "by": "operator"},
    EventType.FAILBACK_RESUMED: {**_INCIDENT, "by": "operator"},
    EventType.STREAM_EXHAUSTED: {**_INCIDENT, "epoch": 4, "sending": True},
    EventType.STREAM_RECOVERED: {"epoch": 5, "seconds": 90.0},
    EventType.STREAM_NO_SPARE: _INCIDENT,
    EventType.STREAM_PINNED: {**_INCIDENT, "reason": "maintenance", "by": "operator"},
    EventType.STREAM_UNPINNED: {**_INCIDENT, "by": "operator"},
    EventType.PROVIDER_OPENED: {
        **_INCIDENT,
        "failure_kind": "transient",
        "owner": "provider",
        "depth": "port",
        "stage": "banner",
        "code": 421,
        "cause": "run",
        "seconds_to_detect": 4.1,
    },
    EventType.PROVIDER_CLOSED: {**_INCIDENT, "failure_kind": "transient", "seconds_open": 90.0},
    EventType.PROVIDER_SLOW: {"seconds": 6.2},
    EventType.PROVIDER_NORMAL: {"seconds": 0.2},
    EventType.PROVIDER_DEGRADED: {"degraded": True, **_RATES},
    EventType.PROVIDER_DISABLED: _INCIDENT,
    EventType.PROVIDER_REHEARSED: {"ok": True},
    EventType.CERTIFICATE_EXPIRING: {"days_left": 7},
    EventType.AGENT_BLIND: _INCIDENT,
    EventType.AGENT_SIGHTED: {**_INCIDENT, "seconds": 90.0},
    EventType.STORAGE_RECOVERED: {"seconds": 90.0},
    EventType.DNS_BROKEN: {"domain": "example.com", "verdict": "spf_only"},
    EventType.DNS_REPAIRED: {"domain": "example.com", "verdict": "both"},
    EventType.QUEUE_GROWING: _QUEUE,
    EventType.QUEUE_DRAINED: {"queued": 0},
    EventType.QUEUE_AMBIGUOUS: _QUEUE,
    EventType.FAILOVERS_EXCESSIVE: {"failovers": 6},
    EventType.INCIDENT_ACKNOWLEDGED: {**_INCIDENT, "by": "operator"},
    EventType.INCIDENT_UNACKNOWLEDGED: {**_INCIDENT, "incidents": [*_INCIDENT.values()], "seconds_waiting": 1800.0},
    EventType.WEBHOOK_TEST: {"webhook": "sub_sample"},
}
"""What belongs to a type besides the names of a stream and its providers, and instants."""
_MOVES = frozenset(
    {
        EventType.FAILOVER_HAPPENED,
        EventType.FAILBACK_HAPPENED,
        EventType.STREAM_EXHAUSTED,
        EventType.STREAM_RECOVERED,
        EventType.STREAM_PINNED,
    }
)
_INSTANTS = {
    EventType.STREAM_PINNED: "until",
    EventType.FAILBACK_PAUSED: "until",
    EventType.CERTIFICATE_EXPIRING: "not_after",
    EventType.AGENT_BLIND: "since",
    EventType.MAILBOX_RECOVERED: "since",
}
_CRITICAL = frozenset(
    {
        EventType.STREAM_EXHAUSTED,
        EventType.AGENT_BLIND,
        EventType.STORAGE_FAILING,
        EventType.INCIDENT_UNACKNOWLEDGED,
    }
)
_WARNINGS = frozenset(
    {
        EventType.FAILOVER_HAPPENED,
        EventType.STREAM_NO_SPARE,
        EventType.PROVIDER_OPENED,
        EventType.PROVIDER_SLOW,
        EventType.PROVIDER_DEGRADED,
        EventType.PROVIDER_UNTRIED,
        EventType.CERTIFICATE_EXPIRING,
        EventType.MAILBOX_FAILING,
        EventType.DNS_BROKEN,
        EventType.QUEUE_GROWING,
        EventType.QUEUE_AMBIGUOUS,
        EventType.FAILOVERS_EXCESSIVE,
    }
)


def sample(kind: EventType, known: Snapshot, now: datetime) -> Event:
    """An event of this type as it might happen now."""
    stream = known.default_stream
    first, second = (*known.fleet.streams[stream].configured_order, "another")[:2]
    subject, data = _named(kind.partition(".")[0], stream, first)
    if kind in _MOVES:
        data |= {"provider": second, "from": first, "to": second}
    if kind in _INSTANTS:
        data[_INSTANTS[kind]] = rfc3339(now)
    severity = Severity.CRITICAL if kind in _CRITICAL else Severity.WARNING if kind in _WARNINGS else Severity.INFO
    return Event(
        id=f"evt_sample_{kind.replace('.', '_')}",
        type=kind,
        subject=subject,
        at=now,
        severity=severity,
        because="a made-up event: nothing of this kind has happened yet",
        data={"sample": True, **data, **_FACTS.get(kind, {})},
    )


def _named(word: str, stream: str, provider: str) -> tuple[str, dict[str, object]]:
    """Whom an event of this kind is about, and how its data names them."""
    match word:
        case "stream" | "failover" | "failback" | "failovers":
            return f"stream/{stream}", {"stream": stream, "provider": provider}
        case "queue":
            return f"stream/{stream}", {"stream": stream}
        case "provider" | "certificate" | "incident":
            return f"provider/{provider}", {"provider": provider}
        case "dns":
            return "domain/example.com", {"provider": provider}
        case _:
            return "agent", {}
