"""The shapes of what is told of receivers of outgoing webhooks, and of what was sent to them."""

from typing import Literal

from pydantic import Field

from mailover.core.events import EventType
from webhooks.schemas import Instant, Told


class FilterBody(Told):
    """What a receiver wants to hear of; null or an empty list admits everything."""

    streams: list[str]
    providers: list[str]
    severity: Literal["info", "warning", "critical"] | None


class SubscriptionBody(Told):
    """A receiver of events. Its secret is told only once, by the call that made it."""

    id: str
    configured: bool = Field(description="Whether it stands in the config.")
    url: str
    events: list[EventType] = Field(description="None listed means all.")
    filter: FilterBody
    header: str | None = Field(description="The name of its fixed header; the value is told to nobody.")
    once: bool
    expires: Instant | None
    created: Instant | None
    by: str | None
    enabled: bool
    disabled_at: Instant | None
    disabled_because: str | None
    pending: int = Field(description="Events that wait for it.")
    given_up: int
    oldest_pending: Instant | None


class NewSubscription(SubscriptionBody):
    """A receiver as it was registered."""

    secret: str | None = Field(description="The secret made for it, told only now; null when there was one.")


class Subscriptions(Told):
    """All receivers."""

    items: list[SubscriptionBody]
    next: str | None


class DeletedSubscription(Told):
    """It is gone."""

    id: str
    deleted: Literal[True]


class TestSent(Told):
    """A test is on its way."""

    event: str


class Replayed(Told):
    """How many events are sent anew."""

    queued: int


class DeliveryBody(Told):
    """One event on its way to one receiver."""

    event: str
    type: str
    time: Instant
    state: Literal["pending", "delivered", "given up"]
    failures: int
    status: int | None = Field(description="The HTTP status of the latest answer.")
    tried: Instant | None
    next_try: Instant | None
    last_error: str | None


class Deliveries(Told):
    """A page of a receiver's delivery log."""

    items: list[DeliveryBody]
    next: str | None


class HookBody(Told):
    """A command that is run when something happens."""

    name: str
    program: str
    events: list[str] = Field(description="None listed means all.")
    pending: int
    given_up: int
    oldest_pending: Instant | None


class Hooks(Told):
    """Every hook command of the config."""

    items: list[HookBody]
    next: str | None
