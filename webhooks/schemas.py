"""The shapes of what callers are told: they make the OpenAPI document, and tests hold real answers against them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mailover.core.events import EventType
from mailover.core.observations import FailureKind, ProbeKind, Stage

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Told(BaseModel):
    """What callers get."""

    model_config = ConfigDict(extra="forbid")


class Complaint(Told):
    """One part of a request that does not fit."""

    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer.")
    parameter: str | None = Field(None, description="Which query parameter.")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Complaint] | None = None


class FlagBody(Told):
    """What the fleet says about one stream."""

    stream: str
    provider: str | None
    host: str | None
    port: int | None
    tls: Literal["starttls", "implicit", "none"] | None
    from_: str | None = Field(alias="from")
    fallbacks: list[str]
    weights: dict[str, float]
    mode: Literal["pinned", "blind", "exhausted", "balance", "failover", "normal"]
    sending: bool
    because: str
    epoch: int = Field(ge=1)
    since: Instant
    valid_for_seconds: int


class Accepted(Told):
    """What became of reports, and what the flags say after them."""

    accepted: int = Field(description="Reports that were counted; those older than an hour are not.")
    flags: dict[str, FlagBody]


class FailureBody(Told):
    """One failure, as met."""

    kind: FailureKind
    stage: Stage
    code: int | None
    enhanced: str | None
    text: str


class PastFailureBody(FailureBody):
    """A failure with its time."""

    at: Instant
    reporter: str | None


class Latency(Told):
    """How fast the port answers; spans of 24 hours."""

    last_seconds: float | None
    average_seconds: float | None
    p95_seconds: float | None
    slow: bool


class Metrics(Told):
    """What was counted in a span of time. Failures that blame nobody, or ourselves, are no sample of a provider."""

    span_seconds: int
    sends: int
    sends_ok: int
    success_rate: float | None
    failures_per_hour: float
    checks: int
    checks_ok: int
    checks_rate: float | None
    average_seconds: float | None
    p95_seconds: float | None = Field(description="Of good scheduled port probes, right within 2.5 %.")
    failovers: int = Field(description="How often a stream left this provider because it failed.")
    failovers_per_day: float
    uptime: float | None = Field(ge=0, le=1, description="Of the time it was watched and not taken out.")


class Score(Told):
    """Reliability: 70 % real sends, 30 % checks; what has no sample leaves its weight to the other."""

    percent: float | None = Field(ge=0, le=100)
    sends: int
    checks: int


class Week(Told):
    """The figures of the last seven days."""

    metrics: Metrics
    score: Score


class ProviderBody(Told):
    """Everything that is known about one provider. Never a credential."""

    name: str
    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    enabled: bool
    shadow: bool
    health: Literal["healthy", "degraded", "down", "disabled", "unknown"]
    breaker: Literal["closed", "open", "half_open", "disabled"]
    since: Instant
    opened_at: Instant | None
    opened_because: str | None
    failure_kind: FailureKind | None
    next_trial_at: Instant | None
    answered_at: Instant | None
    ok_at: Instant | None
    runs: dict[Literal["port", "login", "envelope", "send"], int]
    last_failures: list[PastFailureBody]
    latency: Latency
    metrics: Metrics = Field(description="The last 24 hours.")
    score: Score = Field(description="The last 24 hours. With sends 0, only the checks count.")
    week: Week
    dns: str


class StageSeconds(Told):
    """How long one stage took."""

    stage: Stage
    seconds: float


class CheckResult(Told):
    """What one probe saw."""

    kind: ProbeKind | None
    ok: bool
    seconds: float
    stages: list[StageSeconds]
    failure: FailureBody | None
    facts: dict[str, Any]


class CheckBody(Told):
    """What the probes saw."""

    provider: str
    results: list[CheckResult]


class PinBody(Told):
    """An operator's choice."""

    provider: str
    until: Instant
    reason: str
    by: str


class StreamBody(Told):
    """One stream: its flag, its order and the overrides upon it."""

    stream: str
    default: bool
    flag: FlagBody
    order: list[str]
    configured_order: list[str]
    pin: PinBody | None
    failback: Literal["auto", "manual"] | None
    failback_paused_until: Instant | None
    mode: Literal["failover", "balance"] | None
    when_exhausted: Literal["least_bad", "hold", "test"] | None
    require_dns: bool | None
    exhausted_since: Instant | None


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


class ObservationBody(Told):
    """One fact heard about one provider."""

    provider: str
    purpose: str
    kind: str
    depth: Literal["port", "login", "envelope", "send"]
    ok: bool
    failure: FailureBody | None
    started_at: Instant
    finished_at: Instant
    seconds: float
    reporter: str | None
    count: int
    recipient_domain: str | None
    stages: list[StageSeconds]
    facts: dict[str, Any]


class Events(Told):
    """A page of the event log."""

    items: list[EventBody]
    next: str | None


class Failovers(Told):
    """A page of the failover log."""

    items: list[FailoverBody]
    next: str | None


class Observations(Told):
    """A page of the health log."""

    items: list[ObservationBody]
    next: str | None


class Incidents(Told):
    """A page of incidents."""

    items: list[IncidentBody]
    next: str | None


class Providers(Told):
    """All providers."""

    items: list[ProviderBody]
    next: None


class Streams(Told):
    """All streams."""

    items: list[StreamBody]
    next: None


class FilterBody(Told):
    """What a receiver wants to hear of; null or an empty list admits everything."""

    streams: list[str]
    providers: list[str]
    severity: Literal["info", "warning", "critical"] | None


class SubscriptionBody(Told):
    """A receiver of events. Its secret is told only once, by the call that made it."""

    id: str
    configured: bool = Field(description="Whether it stands in the config.")
    url: str
    events: list[EventType] = Field(description="None listed means all.")
    filter: FilterBody
    once: bool
    expires: Instant | None
    created: Instant | None
    by: str | None
    enabled: bool
    disabled_at: Instant | None
    disabled_because: str | None
    pending: int = Field(description="Events that wait for it.")
    given_up: int
    oldest_pending: Instant | None


class NewSubscription(SubscriptionBody):
    """A receiver as it was registered."""

    secret: str | None = Field(description="The secret made for it, told only now; null when there was one.")


class Subscriptions(Told):
    """All receivers."""

    items: list[SubscriptionBody]
    next: None


class DeletedSubscription(Told):
    """It is gone."""

    id: str
    deleted: Literal[True]


class TestSent(Told):
    """A test is on its way."""

    event: str


class Replayed(Told):
    """How many events are sent anew."""

    queued: int


class DeliveryBody(Told):
    """One event on its way to one receiver."""

    event: str
    type: str
    time: Instant
    state: Literal["pending", "delivered", "given up"]
    failures: int
    status: int | None = Field(description="The HTTP status of the latest answer.")
    tried: Instant | None
    next_try: Instant | None
    last_error: str | None


class Deliveries(Told):
    """A page of a receiver's delivery log."""

    items: list[DeliveryBody]
    next: str | None


class HookBody(Told):
    """A command that is run when something happens."""

    name: str
    program: str
    events: list[str] = Field(description="None listed means all.")
    pending: int
    given_up: int
    oldest_pending: Instant | None


class Hooks(Told):
    """Every hook command of the config."""

    items: list[HookBody]
    next: None


class Heard(Told):
    """Whether somebody was waiting for that message."""

    expected: bool


class Health(Told):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Told):
    """Whether the agent decides, and can write down what it decides."""

    ready: bool
    deciding: bool
    store_writable: bool
    stale_seconds: int | None
