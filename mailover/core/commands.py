"""What operators and workflow tools may order. One that cannot be carried out is refused, with the reason."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableProvider:
    """Let the flag and the probes use a provider again; it starts closed."""

    provider: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableProvider:
    """Take a provider out: not probed, never active; a pin to it ends."""

    provider: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderStream:
    """Give a stream another order; it outlives restarts, until the config's own order changes."""

    stream: str
    providers: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinProvider:
    """Hold a stream's flag on one provider until an instant; automation may not undo it."""

    stream: str
    provider: str
    until: datetime
    reason: str = ""
    by: str = ""
    incident: str = ""
    """The incident it was ordered for, an ended one too; empty: whichever open one touches the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpin:
    """End a stream's pin now."""

    stream: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailBack:
    """Return a stream to the best provider now, without waiting for its hold."""

    stream: str
    by: str = ""
    incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseFailback:
    """No automatic fail-back of a stream until an instant."""

    stream: str
    until: datetime
    by: str = ""
    incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeFailback:
    """End a fail-back pause now."""

    stream: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeIncident:
    """Say that somebody is looking at an open incident."""

    incident: str
    by: str = ""


Command = (
    EnableProvider
    | DisableProvider
    | ReorderStream
    | PinProvider
    | Unpin
    | FailBack
    | PauseFailback
    | ResumeFailback
    | AcknowledgeIncident
)
