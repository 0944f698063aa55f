"""How a fake provider can behave, and what it delivers. Values only; the sessions that behave so are in `sessions`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Behaviour(StrEnum):
    """What a provider does to its customers. The words are what a person types in the demo."""

    HEALTHY = "healthy"
    REFUSE = "refuse"
    """Nothing listens: connections are refused, open ones are cut."""
    SILENT = "silent"
    """Connections are accepted and nothing is ever said."""
    BUSY = "busy"
    """Every connection is greeted with 421 and closed."""
    AUTH = "auth"
    """Every login is answered 535, as if the password had been changed."""
    THROTTLE = "throttle"
    """Every message is answered 454 after its final dot, as SES does at the account's rate limit."""
    SUSPENDED = "suspended"
    """Logins work, but no transaction may be begun: 554, the account is paused."""
    LOSE = "lose"
    """Messages are accepted and never arrive."""
    BROWN_OUT = "brown_out"
    """A share of the connections is greeted with 421 and closed."""
    SLOW = "slow"
    """Every session waits some seconds before its first EHLO is answered."""
    RECIPIENT = "recipient"
    """A share of the recipients is refused with 550: bad addresses, nobody's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """A behaviour with its measure."""

    behaviour: Behaviour = Behaviour.HEALTHY
    share: float = 1.0
    """Of connections (`brown_out`) or recipients (`recipient`)."""
    seconds: float = 0.0
    """Of each session's pause (`slow`)."""


class Share:
    """An even share without dice: of n calls exactly floor(n * share) are hit, spread as evenly as can be."""

    def __init__(self, share: float) -> None:
        """`share` is between 0 and 1."""
        self._share = share
        self._debt = 0.0

    def hit(self) -> bool:
        """Whether this one is hit."""
        self._debt += self._share
        hit = self._debt >= 1 - 1e-9
        self._debt -= hit
        return hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message that a fake provider has delivered."""

    provider: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    """As it was sent, without the dots of transparency."""
    at: datetime


Sink = Callable[[Delivered], None]
"""Where delivered messages go. It runs in the provider's own thread and may hold up that provider alone."""
