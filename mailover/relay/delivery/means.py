"""What a round works with: the pools, the route, the sender's identity, and where its outcomes go. Values and types."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailover.core.carriage import StreamMail
from mailover.core.mail import Mail, Suppression
from mailover.core.routing import Letter, Route
from mailover.relay.delivery.accounts import Haste, Patience
from mailover.relay.delivery.attempt import Attempt
from mailover.relay.delivery.pool import Pool

Router = Callable[[Letter], Awaitable[Route]]
"""The route of one message now."""

Dress = Callable[[Mail, str, bytes], tuple[str, bytes]]
"""The envelope's sender and the content as this provider wants them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Everything a round needs besides the mail. Functions are asked anew each time, so that a reload takes effect."""

    pools: Callable[[], Mapping[str, Pool]]
    route: Router
    room: Callable[[str], int | None]
    """How many more recipients a provider may be given today; None: any number."""
    dress: Dress
    terms: Callable[[str], StreamMail]
    """By stream."""
    now: Callable[[], datetime]
    dice: Callable[[], float]
    """From 0 to 1."""
    tell: Callable[[Mail, Attempt, Sequence[str]], None]
    """Hears of each attempt, and of the recipients it was for."""
    hang: Callable[[str], None]
    """Hears of a provider that has not answered a final dot for some seconds."""
    expired: Callable[[str, int], None]
    """Hears of a stream's copies that nobody took in time."""
    suppressed: Callable[[Collection[str]], Awaitable[Collection[str]]]
    """Those among these addresses that get no mail, in lower case."""
    remember: Callable[[Sequence[Suppression]], None]
    """Keeps addresses from getting mail again."""
    haste: Haste = field(default_factory=Haste)
    patience: Patience = field(default_factory=Patience)
