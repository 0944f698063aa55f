"""The shapes of what is told of streams: their flags, orders and overrides."""

from typing import Literal

from pydantic import Field

from webhooks.schemas import Instant, Told


class FlagBody(Told):
    """What the fleet says about one stream."""

    stream: str
    provider: str | None
    host: str | None
    port: int | None
    tls: Literal["starttls", "implicit", "none"] | None
    from_: str | None = Field(alias="from")
    fallbacks: list[str]
    weights: dict[str, float]
    mode: Literal["pinned", "blind", "exhausted", "balance", "failover", "normal"]
    sending: bool
    because: str
    epoch: int = Field(ge=1)
    since: Instant
    valid_for_seconds: int


class Accepted(Told):
    """What became of reports, and what the flags say after them."""

    accepted: int = Field(description="Reports that were counted; those older than an hour are not.")
    flags: dict[str, FlagBody]


class PinBody(Told):
    """An operator's choice."""

    provider: str
    until: Instant
    reason: str
    by: str


class StreamBody(Told):
    """One stream: its flag, its order and the overrides upon it."""

    stream: str
    default: bool
    flag: FlagBody
    order: list[str]
    configured_order: list[str]
    pin: PinBody | None
    failback: Literal["auto", "manual"] | None
    failback_paused_until: Instant | None
    mode: Literal["failover", "balance"] | None
    when_exhausted: Literal["least_bad", "hold", "test"] | None
    require_dns: bool | None
    exhausted_since: Instant | None


class Streams(Told):
    """All streams."""

    items: list[StreamBody]
    next: str | None
