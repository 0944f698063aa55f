"""What the relay needs of a provider to send through it, and how long it waits at each stage. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailover.core.observations import Stage
from mailover.smtp import Credentials, Endpoint

_SLOWEST = 64 * 1024
"""Bytes a second at which a body must at least move on while there are other providers."""
_STAGES_AT_ONCE = 3.0
_LONGEST = 300.0
"""What RFC 5321 section 4.5.3.2 asks for at most before the final dot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A provider as the relay uses it."""

    provider: str
    endpoint: Endpoint
    credentials: Credentials | None = None
    connections: int = 10
    """At a time."""
    rate: float | None = None
    """Messages a second."""
    idle: float = 10.0
    """Seconds that a connection is kept without work; servers that are asked less often hang up first."""
    messages: int = 100
    """Messages on one connection."""
    recipients: int = 50
    """Recipients in one transaction; SES takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the reply to a final dot is waited for, in seconds: giving up there may deliver twice."""

    usual: float = 600.0
    """RFC 5321 section 4.5.3.2.6."""
    at_least_once: float = 15.0
    """Where the stream would rather have a message twice than late."""
    slow: float = 2.0
    """From when on other messages are sent elsewhere first."""
    overdue: float = 10.0
    """From when on the agent knows of it, and the turn is somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Haste:
    """How long a message waits at a provider before it moves on, in seconds."""

    move_on_after: float = 1.2
    """For each answer, a connection, a handshake."""

    def patient(self, times: float) -> "Haste":
        """The same with more patience: where nobody else is left, or in a later round."""
        return Haste(move_on_after=min(_LONGEST, self.move_on_after * times))

    def limits(self, size: int = 0) -> Mapping[Stage, float]:
        """By stage; a login may take twice as long, and a body as long as its size needs."""
        limits: dict[Stage, float] = {stage: self.move_on_after for stage in Stage if stage is not Stage.END_DATA}
        limits[Stage.AUTH] *= 2
        limits[Stage.DATA] += size / _SLOWEST
        return limits

    def whole(self, size: int = 0) -> float:
        """For everything before the final dot together, however steadily a slow server drips."""
        return min(_LONGEST, _STAGES_AT_ONCE * self.move_on_after) + size / _SLOWEST
