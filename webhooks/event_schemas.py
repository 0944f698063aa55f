"""The shapes of what is told of events, failovers and incidents."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailover.core.events import EventType
from mailover.core.observations import FailureKind
from webhooks.schemas import Instant, Told


class IncidentBody(Told):
    """From the first failing signal to the recovery."""

    id: str
    subject: str
    severity: Literal["info", "warning", "critical"]
    opened_at: Instant
    detected_at: Instant
    closed_at: Instant | None
    because: str
    failure_kind: FailureKind | None
    streams: list[str]
    acknowledged_at: Instant | None
    acknowledged_by: str | None


class EventData(BaseModel):
    """What an event says; more keys may come."""

    model_config = ConfigDict(extra="allow")

    severity: Literal["info", "warning", "critical"]
    because: str


class EventBody(Told):
    """One event, the same in lists, streams and webhooks; valid as Standard Webhooks 1.0.0 and as CloudEvents 1.0."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: EventType
    time: Instant
    timestamp: Instant
    subject: str
    data: EventData


class FailoverBody(Told):
    """One change of a stream's provider."""

    event: str
    time: Instant
    stream: str
    from_: str | None = Field(alias="from")
    to: str | None
    reason: str
    status: str
    seconds: float | None


class Events(Told):
    """A page of the event log."""

    items: list[EventBody]
    next: str | None


class Failovers(Told):
    """A page of the failover log."""

    items: list[FailoverBody]
    next: str | None


class Incidents(Told):
    """A page of incidents."""

    items: list[IncidentBody]
    next: str | None
