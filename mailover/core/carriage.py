"""How mail is carried by the relay: what a stream asks for its mail, what a provider may be given, as whom it is sent.

Values as the operator configured them; who carries a message is `routing`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mailover.core.hours import Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a provider may be given."""

    concurrency: int = 10
    """Connections of one relay at a time."""
    rate: float | None = None
    """Messages a second and relay; None: as fast as it takes them."""
    daily_quota: int | None = None
    """Recipients between two `quota_resets`; None: no end."""
    warm_start: int = 50
    """Recipients a day that a provider without any history gets to be kept warm."""
    warm_factor: float = 1.5
    """How much more than on the best day of the week before it may get on the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """As whom mail is sent through one provider, and what that provider wants to be told."""

    envelope_from: str = ""
    """The MAIL FROM in place of the application's; empty: as handed over. A null reverse-path always stays."""
    header_from: str = ""
    """The address in From in place of the application's; empty: as handed over."""
    headers: tuple[tuple[str, str], ...] = ()
    """Set on each message, in place of any of that name."""


PLAIN = Identity()
"""Nothing is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """Where mail for some recipients goes. Names no recipient and no tag: it is for all mail."""

    domains: frozenset[str] = frozenset()
    """Recipient domains, in lower case and A-labels."""
    suffixes: tuple[str, ...] = ()
    """Ends of recipient domains with their dot, such as `.de`; the empty one is every domain's."""
    tags: frozenset[str] = frozenset()
    """What the application says of a message, such as `eu`."""
    regions: frozenset[str] = frozenset()
    """Providers that are in one of these."""
    providers: frozenset[str] = frozenset()
    """Providers by name."""
    only: bool = False
    """Nobody else may carry it, even when it then has to wait; else they come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMail:
    """What a stream asks for the mail that is handed to the relay."""

    deadline: timedelta | None = None
    """How long after its acceptance a message is worth sending; None: only the queue's own limit holds."""
    priority: int = 3
    """Smaller goes first."""
    at_least_once: bool = False
    """A message whose final dot was not answered is sent again, perhaps twice."""
    suppress: bool = False
    """Addresses that refused mail for good, or complained, are not tried again."""
    retention: timedelta | None = None
    """How long it is known what became of a message; None: as for all."""
    hours: tuple[Hours, ...] = ()
    """When mail is sent; outside of them it waits. None given: always."""
    postpone: bool = False
    """Waits while a stream that does not postpone uses its backups."""
    warm_share: float = 0.0
    """Part of the routine mail that each healthy backup carries, so that it is in practice when it is needed."""
    geography: tuple[Geography, ...] = ()
    """Every `only` that is about a message binds it; of the others the first that is."""
    selector: str = ""
    """The plug-in that is asked for the order; empty: none."""
    identities: Mapping[str, Identity] = field(default_factory=dict)
    """By provider; whoever is missing is sent through as handed over."""
