"""Providers and streams as the operator configured them. Values only; no credential ever enters the core."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum

from mailover.core.carriage import Pace, StreamMail
from mailover.core.hours import Hours


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
    regions: tuple[str, ...] = ()
    """Where it keeps what is sent through it, such as `eu`."""
    pace: Pace = field(default_factory=Pace)


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
class PeakHours(Hours):
    """Hours of the day in which a stream has another order."""

    providers: tuple[str, ...]


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
    mail: StreamMail = field(default_factory=StreamMail)
