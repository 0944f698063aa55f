"""The shapes of what callers send. Closed and strict: whatever does not fit is refused, never guessed at."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from mailover.config.fields import one_header
from mailover.core.events import EventType, Severity
from mailover.core.observations import ProbeKind, Stage

Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100)]
Words = Annotated[str, StringConstraints(strict=True, max_length=500)]
_WHSEC = r"^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
LONGEST_PIN_MINUTES = 7 * 24 * 60


class Asked(BaseModel):
    """What callers send: unknown keys are refused, and complaints never repeat a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


# -- paths and queries ------------------------------------------------------------------------------------------------


class StreamPath(BaseModel):
    """A stream's name in the path."""

    stream: str


class ProviderPath(BaseModel):
    """A provider's name in the path."""

    provider: str


class IncidentPath(BaseModel):
    """An incident's id in the path."""

    incident: str


class SubscriptionPath(BaseModel):
    """A subscription's id, or the name of a webhook of the config, in the path."""

    subscription: str


class HookPath(BaseModel):
    """The name of a hook command in the path."""

    hook: str


class Paging(BaseModel):
    """Where a list goes on."""

    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, max_length=200, description="The `next` of the list before.")
    newest: bool = Field(False, description="Newest first.")


class Listing(BaseModel):
    """Where a short list goes on."""

    limit: int | None = Field(None, ge=1, le=500, description="All of it when left out.")
    after: str | None = Field(None, max_length=200, description="The `next` of the list before.")


class EventQuery(Paging):
    """Which events."""

    sample: bool = Field(False, description="The latest three; made-up ones of each `type` where there was none.")

    type: list[EventType] = Field(default_factory=list)
    provider: str | None = Field(None, max_length=100)
    stream: str | None = Field(None, max_length=100)


class RouteQuery(BaseModel):
    """What is known of one message."""

    recipient: str = Field("", max_length=320, description="The recipient's address.")
    key: str = Field("", max_length=200, description="Sticks to one provider where several share; else the recipient.")
    region: str = Field("", max_length=63, description="A tag that the stream's geography knows.")


class FailoverQuery(Paging):
    """Which failovers."""

    stream: str | None = Field(None, max_length=100)


class DeliveryQuery(BaseModel):
    """Which deliveries; they come newest first."""

    limit: int = Field(100, ge=1, le=500)
    after: int | None = Field(None, ge=0, lt=2**62, description="The `next` of the list before.")


class ObservationQuery(Paging):
    """Which observations."""

    provider: str | None = Field(None, max_length=100)
    kind: Literal["port", "login", "envelope", "round_trip", "report"] | None = None


class IncidentQuery(Paging):
    """Which incidents."""

    open: bool = Field(False, description="Only those that have not ended.")


# -- requests ---------------------------------------------------------------------------------------------------------


class Report(Asked):
    """How one real send (or `count` equal ones) went."""

    provider: Name
    ok: StrictBool
    stage: Stage | None = None
    code: Annotated[StrictInt, Field(ge=200, le=599)] | None = None
    enhanced: Annotated[str, StringConstraints(strict=True, pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    text: Annotated[str, StringConstraints(strict=True, max_length=4000)] = ""
    recipient_domain: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255)] | None = None
    count: Annotated[StrictInt, Field(ge=1)] = 1
    at: AwareDatetime | None = None


class Reports(Asked):
    """Outcomes of real sends."""

    reports: list[Report] = Field(min_length=1, max_length=100)


class Check(Asked):
    """Which probes to run now."""

    kinds: list[Literal[ProbeKind.PORT, ProbeKind.LOGIN, ProbeKind.ROUND_TRIP]] = Field(
        [ProbeKind.PORT, ProbeKind.LOGIN], min_length=1, max_length=3
    )


class ProviderPatch(Asked):
    """What to change about a provider."""

    enabled: StrictBool


class Order(Asked):
    """A stream's providers, best first."""

    providers: list[Name] = Field(min_length=1, max_length=100)


class Until(Asked):
    """An end, told one way or the other."""

    until: AwareDatetime | None = None
    minutes: Annotated[StrictInt, Field(ge=1, le=LONGEST_PIN_MINUTES)] | None = None


class PinRequest(Until):
    """Hold a stream on one provider."""

    provider: Name
    reason: Words = ""


class Arrival(Asked):
    """A marked test message was found."""

    nonce: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
    folder: Annotated[str, StringConstraints(strict=True, max_length=200)] = ""
    headers: dict[str, Annotated[str, StringConstraints(strict=True, max_length=8000)]] = Field(default_factory=dict)


class ProviderWords(RootModel[dict[str, Any] | list[dict[str, Any]]]):
    """What a provider tells of sent mail, in its own form."""


class SubscriptionFilter(Asked):
    """What a receiver wants to hear of; a part left out admits everything."""

    stream: Name | None = None
    provider: Name | None = None
    severity: Severity | None = Field(None, description="At least this severe.")


class SubscriptionRequest(Asked):
    """Register a receiver of events; the same URL and events again change the one there is."""

    url: Annotated[str, StringConstraints(strict=True, min_length=8, max_length=2000)]
    events: list[EventType] = Field(default_factory=list, max_length=100, description="None listed means all.")
    filter: SubscriptionFilter = Field(default_factory=SubscriptionFilter)
    secret: Annotated[str, StringConstraints(strict=True, pattern=_WHSEC)] | None = Field(
        None, description='"whsec_" and base64 of 24 to 64 bytes; made and told once when left out.'
    )
    header: Annotated[str, StringConstraints(strict=True, max_length=1000), AfterValidator(one_header)] | None = Field(
        None, description='For a receiver that cannot verify signatures: "Name: value", sent with each request.'
    )
    once: StrictBool = Field(False, description="End with the first delivery.")
    expires: AwareDatetime | None = None


class SubscriptionPatch(Asked):
    """Switch a receiver on again that answered 410."""

    enabled: Literal[True]


class Replay(Asked):
    """Which event to send anew; without one, all that were given up."""

    event: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)] | None = None
