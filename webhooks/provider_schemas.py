"""The shapes of what is told of providers: their health, their figures, and single facts heard about them."""

from typing import Any, Literal

from pydantic import Field

from mailover.core.observations import FailureKind, ProbeKind, Stage
from webhooks.schemas import Instant, Told


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


class Observations(Told):
    """A page of the health log."""

    items: list[ObservationBody]
    next: str | None


class Providers(Told):
    """All providers."""

    items: list[ProviderBody]
    next: str | None
