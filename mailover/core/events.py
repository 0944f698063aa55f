"""What happened, in past tense: the one shape that rows, SSE, webhooks and Slack share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class EventType(StrEnum):
    """Every type of event, as consumers see it."""

    FAILOVER_HAPPENED = "failover.happened"
    FAILBACK_HAPPENED = "failback.happened"
    FAILBACK_PAUSED = "failback.paused"
    FAILBACK_RESUMED = "failback.resumed"
    STREAM_EXHAUSTED = "stream.exhausted"
    STREAM_RECOVERED = "stream.recovered"
    STREAM_NO_SPARE = "stream.no_spare"
    STREAM_SPARE_READY = "stream.spare_ready"
    STREAM_PINNED = "stream.pinned"
    STREAM_UNPINNED = "stream.unpinned"
    PROVIDER_OPENED = "provider.opened"
    PROVIDER_CLOSED = "provider.closed"
    PROVIDER_SLOW = "provider.slow"
    PROVIDER_NORMAL = "provider.normal"
    PROVIDER_DEGRADED = "provider.degraded"
    PROVIDER_ENABLED = "provider.enabled"
    PROVIDER_DISABLED = "provider.disabled"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    MAILBOX_FAILING = "mailbox.failing"
    MAILBOX_RECOVERED = "mailbox.recovered"
    AGENT_BLIND = "agent.blind"
    AGENT_SIGHTED = "agent.sighted"
    AGENT_STARTED = "agent.started"
    STORAGE_FAILING = "storage.failing"
    STORAGE_RECOVERED = "storage.recovered"
    DNS_BROKEN = "dns.broken"
    DNS_REPAIRED = "dns.repaired"
    QUEUE_GROWING = "queue.growing"
    QUEUE_DRAINED = "queue.drained"
    QUEUE_AMBIGUOUS = "queue.ambiguous"
    RELAY_FAILING = "relay.failing"
    RELAY_RECOVERED = "relay.recovered"
    FAILOVERS_EXCESSIVE = "failovers.excessive"
    PROVIDER_UNTRIED = "provider.untried"
    PROVIDER_REHEARSED = "provider.rehearsed"
    INCIDENT_ACKNOWLEDGED = "incident.acknowledged"
    INCIDENT_UNACKNOWLEDGED = "incident.unacknowledged"
    WEBHOOK_TEST = "webhook.test"


class Severity(StrEnum):
    """How loudly an event speaks."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, with the sentence that says why."""

    id: str
    type: EventType
    subject: str
    """`stream/<name>`, `provider/<name>`, `domain/<name>` or `agent`."""
    at: datetime
    severity: Severity
    because: str
    data: Mapping[str, object] = field(default_factory=dict)
    """Plain JSON values: stream, provider, from, to, failure_kind, epoch, incident, seconds_to_detect and the like."""

    def body(self, source: str) -> dict[str, object]:
        """The event on the wire, valid as Standard Webhooks 1.0.0 and CloudEvents 1.0 at once."""
        instant = rfc3339(self.at)
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": str(self.type),
            "time": instant,
            "timestamp": instant,
            "subject": self.subject,
            "data": {"severity": str(self.severity), "because": self.because, **self.data},
        }


def rfc3339(instant: datetime) -> str:
    """An aware instant as RFC 3339 UTC, in whole seconds when it has no fraction, else in milliseconds."""
    utc = instant.astimezone(UTC)
    spec = "seconds" if utc.microsecond == 0 else "milliseconds"
    return utc.isoformat(timespec=spec).replace("+00:00", "Z")
