"""The tables that say who carries mail: providers and streams.

Their shape and the rules within one table, nothing across tables.
"""

from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mailover.config.carriage import GeographySettings, HoursSettings, IdentitySettings, PeakHoursSettings, Tags
from mailover.config.feedback import FeedbackSettings
from mailover.config.fields import (
    Clock,
    EhloName,
    HeaderName,
    HeaderText,
    HiddenText,
    Host,
    Mailbox,
    Name,
    Names,
    PluginName,
    Port,
    PositiveSpan,
    ReadableFile,
    Table,
    Username,
    each_once,
)
from mailover.core.providers import Failback, StreamMode, Tls, WhenExhausted
from mailover.secrets import Secret

_MOST_WARM = 0.5


class Auth(StrEnum):
    """How to log in at a provider; `auto` takes the best that is offered, never `xoauth2`."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    XOAUTH2 = "xoauth2"


def refuse_plaintext(tls: Tls, info: ValidationInfo) -> Tls:
    """The rule of every table with `tls`: without encryption only on purpose."""
    if tls is Tls.NONE and not info.data.get("allow_plaintext", False):
        raise ValueError(
            'with "none" anybody on the way reads the password; use "starttls" or "implicit",'
            " or add allow_plaintext = true for a trusted wire"
        )
    return tls


class ProviderSettings(Table):
    """One SMTP submission account."""

    preset: str | None = None
    """The provider's entry in the catalogue; fills host, port, tls and a fixed username."""
    region: str | None = None
    """Which of a preset's regions the account is in."""
    host: Host
    """Where to connect; the certificate must be for this name."""
    port: Port = 587
    """The submission port; by default the preset's, else 587, or 465 with implicit TLS."""
    allow_plaintext: bool = False
    """Permits `tls = "none"`, for a peer on a trusted wire."""
    tls: Tls = Tls.STARTTLS
    """How the connection is encrypted."""
    ca_file: ReadableFile | None = None
    """PEM file with the authorities to trust instead of the system's."""
    ehlo_name: EhloName = "[127.0.0.1]"
    """What mailover calls itself in EHLO."""
    username: Username | None = None
    """Who logs in; without it login is never probed."""
    password: HiddenText | None = None
    """The password, API key, or access token for `xoauth2`."""
    password_file: Path | None = None
    """File that holds the password."""
    next_password: HiddenText | None = None
    """The password to be rotated to; tried now and then, and reported before you rotate."""
    next_password_file: Path | None = None
    """File that holds the next password."""
    auth: Auth = Auth.AUTO
    """The way to log in; one attempt, one mechanism."""
    sender: Mailbox | None = Field(default=None, alias="from")
    """The From address that applications use with this provider."""
    envelope_from: Mailbox | None = None
    """The MAIL FROM of test messages and of the relay; by default `from` for tests, the application's for the relay."""
    header_from: Mailbox | None = None
    """The address that the relay writes into From; by default the application's stays."""
    headers: dict[HeaderName, HeaderText] = Field(default_factory=dict)
    """Headers that the relay sets on each message for this provider."""
    enabled: bool = True
    """Whether the provider is probed and used."""
    shadow: bool = False
    """Watched and judged, but the flag ignores the verdict."""
    quota_resets: Clock = time(0, 0)
    """Time of day (UTC) at which a used-up quota starts anew."""
    infra: Annotated[tuple[str, ...], AfterValidator(each_once("name"))] = ()
    """What the provider rests on; two that share a name may fail together."""
    regions: Tags = ()
    """Where the provider keeps what is sent through it, such as `eu`; geography asks for it."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections that one relay uses at a time; one whose answer is overdue by far counts no more."""
    rate: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Messages a second that one relay hands over at most."""
    daily_quota: Annotated[int, Field(ge=1)] | None = None
    """Recipients between two `quota_resets`; the relay goes on with another provider before it is exceeded."""
    warm_start: Annotated[int, Field(ge=0)] = 50
    """Recipients a day for a provider without any history, from a stream's `warm_share`."""
    warm_factor: Annotated[float, Field(ge=1, le=10)] = 1.5
    """How much more than on the best day of the week before it may get of that."""

    feedback: FeedbackSettings | None = None
    """Bounces and complaints that the provider tells of."""

    _encrypted = field_validator("tls")(refuse_plaintext)

    @field_validator("password")
    @classmethod
    def _has_a_username(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        if password is not None and "username" in info.data and not info.data["username"]:
            raise ValueError("is given without a username; add username")
        if password is None and info.data.get("username"):
            raise ValueError("is missing; give password or password_file, or leave the username out to probe no login")
        return password


class StreamSettings(Table):
    """A class of mail with its own provider order and policy."""

    providers: Names = Field(min_length=1)
    """Providers in order of preference."""
    default: bool = False
    """The stream of callers that name none; without any the first one is."""
    mode: StreamMode = StreamMode.FAILOVER
    """One provider at a time, or several by weight."""
    weights: dict[Name, float] = Field(default_factory=dict)
    """Shares of the mail in mode `balance`."""
    failback: Failback = Failback.AUTO
    """Whether the flag returns to a better provider by itself."""
    when_exhausted: WhenExhausted = WhenExhausted.LEAST_BAD
    """What the flag says when no provider is left."""
    require_dns: bool = False
    """Providers without working DNS for the sender's domain are not used."""
    peak_hours: tuple[PeakHoursSettings, ...] = ()
    """Hours of the day with another order."""
    selector: PluginName | None = None
    """The plug-in of the group `mailover.selectors` that is asked for the order."""
    deadline: PositiveSpan | None = None
    """How long after its acceptance a message is worth sending; by default as long as the relay keeps mail."""
    priority: Annotated[int, Field(ge=0, le=9)] | None = None
    """0 goes first; by default 3, with `postpone` 6."""
    at_least_once: bool = False
    """A message that a provider never answered for is sent again, so that it may arrive twice."""
    suppress: bool = False
    """Addresses that refused mail for good, or complained, are not tried again."""
    retention: PositiveSpan | None = None
    """How long the outbox knows what became of a message; by default as long as the relay says."""
    sending_hours: tuple[HoursSettings, ...] = ()
    """When mail is sent."""
    postpone: bool = False
    """Waits while a stream that does not postpone uses its backups."""
    warm_share: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Part of the mail that each healthy backup carries while all is well."""
    geography: tuple[GeographySettings, ...] = ()
    """Where mail for some recipients goes."""
    identity: dict[Name, IdentitySettings] = Field(default_factory=dict)
    """By provider: as whom this stream's mail is sent."""

    @field_validator("weights")
    @classmethod
    def _sensible_weights(cls, weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if info.data.get("mode") is StreamMode.BALANCE and not weights:
            raise ValueError('are missing; mode = "balance" needs them, such as { postmark = 0.9, ses = 0.1 }')
        if not all(0 <= weight < float("inf") for weight in weights.values()):
            raise ValueError("must not be negative")
        if weights and not any(weights.values()):
            raise ValueError("are all 0; at least one provider must get mail")
        strangers = [name for name in weights if name not in info.data.get("providers", weights)]
        if strangers:
            raise ValueError(f"name a provider that is not in this stream's order: {', '.join(strangers)}")
        return weights

    @field_validator("warm_share")
    @classmethod
    def _leaves_most_to_the_active_one(cls, share: float, info: ValidationInfo) -> float:
        backups = len(info.data.get("providers", ())) - 1
        if share * backups > _MOST_WARM:
            raise ValueError(f"leaves less than half to the active provider; with {backups} backups less is enough")
        return share
