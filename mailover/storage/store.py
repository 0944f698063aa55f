"""The store as the rest of the house sees it: one Protocol and the small values that it answers with.

No SQL here, and no rules: what a fleet means is the core's business, when to deliver is the dispatcher's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mailover.core.events import Event, EventType
from mailover.core.fleet import Fleet, Incident
from mailover.core.observations import Observation
from mailover.core.scoring import Change, Sample, Spread

if TYPE_CHECKING:  # it names values of this file
    from mailover.storage.hooks import HookStore
    from mailover.storage.mail import MailQueue

Item = TypeVar("Item", covariant=True)  # noqa: PLC0105 - a page of cats is a page of animals; the name stays plain

Routing = Callable[[Event], Iterable[str]]
"""Which endpoints an event goes to: the names of its outbox rows."""


def nowhere(_event: Event) -> tuple[str, ...]:
    """The routing of a house without endpoints."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One piece of a list."""

    items: tuple[Item, ...]
    next: str | None = None
    """The cursor after the last item, None when the list ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """One change of a stream's provider: a line of the failover log."""

    event: str
    """Id of the event it is read from."""
    at: datetime
    stream: str
    from_provider: str | None
    to_provider: str | None
    reason: str
    status: str
    """`failed over`, `failed back`, `pinned`, `unpinned`, `exhausted` or `recovered`."""
    seconds: float | None = None
    """From the first failing signal to the decision, where the event says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted of one provider in a span of time."""

    provider: str
    sends: Sample = field(default_factory=Sample)
    """Real sends that applications and the relay reported, but for failures that blame nobody or ourselves."""
    checks: Sample = field(default_factory=Sample)
    """Scheduled probes, by the same measure; others are no fair sample."""
    spread: Spread = field(default_factory=Spread)
    """Of good scheduled port probes."""
    failovers: int = 0
    """How often a stream left it because it failed."""
    changes: Sequence[Change] = ()
    """Its breaker's, in order."""
    watched_since: datetime | None = None
    """The first sample of the span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the logs reach back."""

    observations: timedelta = timedelta(days=7)
    """One by one; after that only what was counted of them."""
    history: timedelta = timedelta(days=400)
    """Events, closed incidents and counts."""
    most_observations: int = 180_000
    """However young they are: what keeps applications that report much from filling the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint: a leased row of the outbox."""

    seq: int
    endpoint: str
    event: Event
    attempts: int
    """Failed attempts so far."""
    last_error: str | None = None
    replayed_at: datetime | None = None
    """When an operator asked for it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What one endpoint still waits for."""

    endpoint: str
    pending: int
    buried: int
    """Given up for ever, as far as they are kept."""
    oldest_at: datetime | None
    """When the oldest pending event happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """A token made at run time. Only its SHA-256 is kept."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The answer that a state-changing call got, for who asks again with the same idempotency key."""

    digest: str
    """Of the request; another request under the same key is a mistake of the caller."""
    status: int
    body: bytes


class Store(Protocol):
    """Durable memory. Thread-safe; every method may raise StorageError, and no other error but those it names."""

    @property
    def damage(self) -> str | None:
        """What was found and set aside when the store was opened; None when all was well."""

    @property
    def hooks(self) -> "HookStore":
        """What outgoing webhooks keep."""

    @property
    def mail(self) -> "MailQueue":
        """Mail that the relay has accepted."""

    def load(self) -> Fleet | None:
        """The latest fleet, all of one version; None before the first commit."""

    def commit(
        self,
        fleet: Fleet,
        previous: Fleet | None,
        *,
        events: Sequence[Event] = (),
        observations: Sequence[Observation] = (),
        incidents: Sequence[Incident] = (),
        endpoints: Routing = nowhere,
    ) -> None:
        """Replace `previous`, the fleet last loaded or committed, by `fleet` and write the rest with it, or nothing.

        `fleet.version` must be greater than `previous.version`. `incidents` are those opened, changed or closed.
        Raises VersionConflictError when the store no longer holds `previous` (None: when it holds any fleet).
        """

    def events(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        types: Iterable[EventType] = (),
        provider: str | None = None,
        stream: str | None = None,
        newest_first: bool = False,
    ) -> Page[Event]:
        """The event log in the order of insertion; `after` is an event's id. Raises NotFoundError when none has it."""

    def event(self, event_id: str) -> Event | None:
        """One event."""

    def failovers(
        self, *, after: str | None = None, limit: int = 100, stream: str | None = None, newest_first: bool = False
    ) -> Page[Failover]:
        """The failover log: every event that changed a stream's provider; `after` is an event's id, as in `events`."""

    def observations(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        provider: str | None = None,
        kind: str | None = None,
        newest_first: bool = False,
    ) -> Page[Observation]:
        """The health log; `kind` is a probe's, or `report` for real sends. Raises NotFoundError at a bad cursor."""

    def incidents(
        self, *, open_only: bool = False, after: str | None = None, limit: int = 100, newest_first: bool = False
    ) -> Page[Incident]:
        """Incidents as they were opened; `after` is an incident's id. Raises NotFoundError when none has it."""

    def incident(self, incident_id: str) -> Incident | None:
        """One incident, open or closed."""

    def tallies(self, since: datetime) -> Mapping[str, Tally]:
        """What was counted since then, by provider; a provider of which nothing was heard is left out."""

    def outbox_due(self, endpoint: str | None, *, now: datetime, limit: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Lease what may be tried now: of each endpoint (or of the one named) the oldest pending row, if it is due.

        So a row waits for the one before it, and rows of one endpoint stay in order. A lease that ends undecided
        makes the row due again.
        """

    def outbox_next_due(self, endpoint: str) -> datetime | None:
        """When the oldest pending row of an endpoint is due or its lease ends; None when nothing is pending."""

    def backlogs(self) -> tuple[Backlog, ...]:
        """What every endpoint that ever had a row still waits for, by name."""

    def tokens(self) -> tuple[StoredToken, ...]:
        """Tokens made at run time, by name."""

    def add_token(self, name: str, sha256: str, scopes: Iterable[str], created_at: datetime) -> None:
        """Raises RefusedError when the name is taken."""

    def revoke_token(self, name: str) -> bool:
        """Whether there was such a token."""

    def remember(self, key: str, token: str, answer: Remembered, at: datetime) -> None:
        """Keep an answer under the caller's idempotency key for 24 h; the first one stays."""

    def recall(self, key: str, token: str, now: datetime) -> Remembered | None:
        """The answer kept under this key of this token, unless it is older than 24 h."""

    def note(self, key: str) -> object:
        """A small JSON value that somebody wants to find again after a restart; None when there is none."""

    def set_note(self, key: str, value: object) -> None:
        """Replace a note; None removes it."""

    def tidy(self, now: datetime, keep: Retention) -> bool:
        """One short step of rolling up hours of observations, then of forgetting old rows; False when all is done.

        Events still on their way to an endpoint stay, and so do open incidents.
        """

    def writable(self) -> bool:
        """Whether the store takes writes at this moment. Never raises."""

    def close(self) -> None:
        """Let go of every connection."""
