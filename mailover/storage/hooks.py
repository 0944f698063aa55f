"""What outgoing webhooks keep: subscriptions, switched-off endpoints, the log of deliveries. Values and one Protocol.

Where an event is sent and when it is tried again is `alerts`' business.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from mailover.core.events import Event
from mailover.core.interest import Interest
from mailover.secrets import Secret
from mailover.storage.store import Delivery, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a subscriber asked for."""

    url: str = field(repr=False)
    """May hold a token of the receiver's."""
    interest: Interest = field(default_factory=Interest)
    once: bool = False
    """Ends with the first delivery."""
    expires_at: datetime | None = None
    header: str = field(default="", repr=False)
    """A fixed header for a receiver that cannot verify signatures, "Name: value"; empty for none."""
    by: str = ""
    """The name of the caller's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An endpoint registered at run time."""

    id: str
    key: str
    """Of its URL and events: two subscriptions never share it."""
    terms: Terms
    secret: Secret
    old_secret: Secret | None = None
    """Signs beside the new one until `old_secret_until`."""
    old_secret_until: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """An endpoint that is switched off, and why."""

    at: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one attempt: delivered, to be tried again at `due_at`, or given up."""

    seq: int
    endpoint: str
    at: datetime
    status: int | None = None
    """The HTTP status, None when no answer came."""
    error: str | None = None
    """None when it was delivered."""
    due_at: datetime | None = None
    """When it is tried again, None when it is settled for good."""
    silence: str | None = None
    """Why the endpoint is to be switched off with it; its rows stay as they are then."""
    ends: str | None = None
    """The subscription that ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A line of an endpoint's delivery log."""

    seq: int
    event: str
    type: str
    happened_at: datetime
    state: str
    """`pending`, `delivered` or `buried`."""
    attempts: int
    """Failed ones."""
    status: int | None
    tried_at: datetime | None
    due_at: datetime | None
    last_error: str | None


class HookStore(Protocol):
    """The store's part for outgoing webhooks. Thread-safe; every method may raise StorageError."""

    def subscriptions(self) -> tuple[Subscription, ...]:
        """All of them, the oldest first."""

    def subscribe(self, wanted: Subscription, *, keep_old_until: datetime | None) -> tuple[Subscription, bool]:
        """Keep it, or change the one with the same key, whose id stays. True when it is new.

        The known one's secret is replaced, and signs on until `keep_old_until`; with None it stays.
        """

    def unsubscribe(self, subscription_id: str, endpoint: str) -> bool:
        """Forget it with everything that waits for it; whether it was there."""

    def drop_expired(self, now: datetime, endpoints: Mapping[str, str]) -> int:
        """Forget expired subscriptions to which nothing will be sent any more; `endpoints` by subscription."""

    def silenced(self) -> Mapping[str, Silenced]:
        """Every endpoint that is switched off."""

    def unsilence(self, endpoint: str) -> bool:
        """Switch it on again, with all that waits for it due now; whether it was off."""

    def due(self, endpoints: Collection[str], *, now: datetime, limit: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Lease the oldest pending row of each of these endpoints, if it is due."""

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of attempts, all of it or nothing; for every endpoint of the outbox."""

    def release(self, seqs: Sequence[int]) -> None:
        """Give leased rows back untried."""

    def newer_move(self, delivery: Delivery) -> str | None:
        """The id of a later failover or fail-back of the same stream that waits for the same endpoint."""

    def enqueue(self, event: Event, endpoint: str) -> None:
        """Record an event and send it to this endpoint alone, with all that waits for it due now."""

    def replay(self, endpoint: str, event_id: str | None, now: datetime) -> int:
        """Let one event, or all that were given up, be sent to this endpoint anew; how many wait for that now.

        Everything else that waits for it is due now, too.
        """

    def sendings(self, endpoint: str, *, after: int | None = None, limit: int = 100) -> Page[Sending]:
        """An endpoint's delivery log, newest first."""
