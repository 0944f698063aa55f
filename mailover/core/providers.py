"""Providers and streams as the operator configured them. Values only; no credential ever enters the core."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from enum import StrEnum


class Tls(StrEnum):
    """How a dialogue is encrypted. There is no "if offered": who can strip an offer can read the password."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One SMTP submission account, as readers of the flag see it."""

    name: str
    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    sender: str = ""
    """The From address to use with this provider; empty when the application keeps its own."""
    enabled: bool = True
    """Whether the config enables it; an operator may differ, see `Breaker`."""
    shadow: bool = False
    """Watched and judged by the full rule, but the flag ignores the verdict."""
    quota_resets: time = time(0, 0)
    """Time of day (UTC) at which a used-up quota starts anew."""
    infra: tuple[str, ...] = ()


class StreamMode(StrEnum):
    """Whether one provider carries a stream, or several share it."""

    FAILOVER = "failover"
    BALANCE = "balance"


class Failback(StrEnum):
    """Whether the flag returns to a better provider by itself."""

    AUTO = "auto"
    MANUAL = "manual"


class WhenExhausted(StrEnum):
    """What the flag says when no provider is closed."""

    LEAST_BAD = "least_bad"
    HOLD = "hold"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakHours:
    """Hours of the day in which a stream has another order. `end` before `start` runs over midnight."""

    start: time
    end: time
    zone: tzinfo
    days: frozenset[int] = frozenset(range(7))
    """Weekdays on which the hours start, Monday is 0."""
    providers: tuple[str, ...]

    def covers(self, now: datetime) -> bool:
        """Whether `now` lies within the hours, in their own time zone."""
        local = now.astimezone(self.zone)
        clock, day = local.time(), local.weekday()
        if self.start <= self.end:
            return day in self.days and self.start <= clock < self.end
        if clock >= self.start:
            return day in self.days
        return clock < self.end and (day - 1) % 7 in self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A class of mail with its own provider order and policy."""

    name: str
    providers: tuple[str, ...]
    mode: StreamMode = StreamMode.FAILOVER
    weights: Mapping[str, float] = field(default_factory=dict)
    failback: Failback = Failback.AUTO
    when_exhausted: WhenExhausted = WhenExhausted.LEAST_BAD
    require_dns: bool = False
    peak_hours: tuple[PeakHours, ...] = ()
