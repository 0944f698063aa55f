"""Made-up events for who sets a workflow up before anything has happened: each type's shape, with names of this fleet.

They are in no log, and their ids say what they are.
"""

from datetime import datetime

from mailover.core.events import Event, EventType, Severity
from mailover.service import Snapshot

_WARNINGS = frozenset(
    {
        EventType.FAILOVER_HAPPENED,
        EventType.STREAM_NO_SPARE,
        EventType.PROVIDER_OPENED,
        EventType.PROVIDER_SLOW,
        EventType.PROVIDER_DEGRADED,
        EventType.CERTIFICATE_EXPIRING,
    }
)
_MOVES = frozenset({EventType.FAILOVER_HAPPENED, EventType.FAILBACK_HAPPENED, EventType.STREAM_PINNED})


def sample(kind: EventType, known: Snapshot, now: datetime) -> Event:
    """An event of this type as it might happen now."""
    stream = known.default_stream
    first, second = (*known.fleet.streams[stream].configured_order, "another")[:2]
    data: dict[str, object] = {"sample": True}
    word = kind.partition(".")[0]
    subject = "agent"
    if word in {"stream", "failover", "failback", "failovers"}:
        subject = f"stream/{stream}"
        data |= {"stream": stream, "provider": first}
    elif word in {"provider", "certificate"}:
        subject = f"provider/{first}"
        data |= {"provider": first}
    elif word == "dns":
        subject = "domain/example.com"
    if kind in _MOVES:
        data |= {"provider": second, "from": first, "to": second, "epoch": 2}
    return Event(
        id=f"evt_sample_{kind.replace('.', '_')}",
        type=kind,
        subject=subject,
        at=now,
        severity=Severity.WARNING if kind in _WARNINGS else Severity.INFO,
        because="a made-up event: nothing of this kind has happened yet",
        data=data,
    )
