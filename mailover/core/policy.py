"""The numbers the rules work with. They were tuned on simulated outages; change one only with a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mailover.core.providers import Provider, Stream

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a provider's breaker opens and closes."""

    failures: int = 3
    open_for: timedelta = _MINUTE
    open_for_max: timedelta = 30 * _MINUTE
    auth_open_for: timedelta = 5 * _MINUTE
    auth_open_for_max: timedelta = _HOUR
    suspended_open_for: timedelta = 15 * _MINUTE
    lost_open_for: timedelta = 10 * _MINUTE
    successes: int = 2
    failback_after: timedelta = 5 * _MINUTE
    failback_max: timedelta = 4 * _HOUR
    window: timedelta = 10 * _MINUTE
    window_minimum: int = 20
    window_failures: int = 4
    window_ratio: float = 0.2
    degraded_window: timedelta = _HOUR
    degraded_minimum: int = 100
    degraded_failures: int = 12
    degraded_ratio: float = 0.04
    relapse_after_failback: timedelta = _HOUR
    relapse_after_closing: timedelta = 10 * _MINUTE
    relapse_memory: timedelta = 6 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePolicy:
    """The rhythm of looking."""

    deadline: timedelta = timedelta(seconds=10)
    retry_interval: timedelta = timedelta(seconds=2)
    auth_pause: timedelta = timedelta(seconds=5)
    slow: timedelta = timedelta(seconds=5)
    slow_is_failure: bool = False
    sight_interval: timedelta = timedelta(seconds=15)
    """How often a blind agent looks for its sight."""
    round_trip: bool = False
    round_trip_deadline: timedelta = _MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPolicy:
    """How far a reporter is believed."""

    verify_interval: timedelta = timedelta(seconds=1)
    mute: timedelta = timedelta(seconds=2)
    mute_max: timedelta = timedelta(seconds=60)
    ballot_outcomes: int = 20
    ballot_window: timedelta = _HOUR
    ballot_minimum: int = 5
    ballot_failures: int = 5
    ballot_ratio: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePolicy:
    """When our own network counts as lossy, by the references it is asked about."""

    window: timedelta = 10 * _MINUTE
    minimum: int = 20
    failures: int = 3
    ratio: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """When people are warned although mail flows. These move nothing."""

    failure_rate: float = 0.05
    latency: timedelta = timedelta(seconds=3)
    window: timedelta = 15 * _MINUTE
    minimum: int = 20
    failures: int = 3
    complaint_rate: float = 0.003
    bounce_rate: float = 0.05
    certificate_days: tuple[int, ...] = (14, 7, 1)
    untried_after: timedelta = 24 * _HOUR
    failovers_a_day: int = 5
    remind_every: timedelta = 30 * _MINUTE
    """Zero: never."""
    dns_unknown_after: timedelta = 6 * _HOUR
    """How long the DNS may give no answer."""
    queue_depth: int = 1000
    """Mails of a stream that may wait in the relay."""
    queue_age: timedelta = 5 * _MINUTE
    """How long one may."""
    queue_patience: timedelta = _MINUTE
    """How long it may stay so without becoming less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the operator configured that a decision needs."""

    providers: Mapping[str, Provider]
    streams: Mapping[str, Stream]
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    probes: ProbePolicy = field(default_factory=ProbePolicy)
    reports: ReportPolicy = field(default_factory=ReportPolicy)
    noise: NoisePolicy = field(default_factory=NoisePolicy)
    alerts: AlertPolicy = field(default_factory=AlertPolicy)
    valid_for: timedelta = _MINUTE
    """How long a reader may trust a flag it cannot refresh."""

    @property
    def confirmation_span(self) -> timedelta:
        """How long a burst may take until its last confirmation has spoken."""
        return self.probes.deadline + 2 * self.probes.retry_interval

    @property
    def sight_limit(self) -> timedelta:
        """How long nothing may answer before the agent doubts its own view."""
        return self.confirmation_span + timedelta(seconds=2)
