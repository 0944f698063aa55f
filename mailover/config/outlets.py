"""The tables about everybody else: who may ask, where facts are kept, who is told.

Shape only; nothing connects here.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mailover.addresses import Reach, reach_of
from mailover.config.fields import (
    Address,
    ChannelId,
    FixedHeader,
    HiddenText,
    IpNetwork,
    Listen,
    Name,
    Names,
    PositiveSpan,
    SigningSecret,
    SlackUser,
    Table,
    TokenText,
    WebAddress,
    each_once,
)
from mailover.core.events import EventType, Severity
from mailover.secrets import Secret

_DAY = timedelta(days=1)
_LONGEST_TIMEOUT = timedelta(seconds=30)
_STORES = ("sqlite:///", "postgresql+psycopg://")


class ServerSettings(Table):
    """The HTTP API."""

    listen: Listen = Address(host="127.0.0.1", port=8587)
    """Where the API listens; other than loopback needs tokens."""
    instance: Name = "mailover"
    """This agent's name, the source of its events."""
    public_url: WebAddress | None = None
    """How people reach this server, for links in alerts."""
    webhook_allow: tuple[IpNetwork, ...] = ()
    """Networks besides public addresses that webhooks registered over the API may reach, then also by plain http."""


class StorageSettings(Table):
    """Where the fleet and its history are kept."""

    url: HiddenText = Secret("sqlite:///mailover.db")
    """SQLite file or PostgreSQL database; several agents may share the latter."""
    url_file: Path | None = None
    """File that holds the address, when it contains a password."""
    keep_observations: PositiveSpan = 7 * _DAY
    """How long each probe and report is kept (at most 180,000 of them); the figures of each hour are kept longer."""
    keep_history: PositiveSpan = 400 * _DAY
    """How long events, closed incidents and the figures of each hour are kept."""

    @field_validator("keep_observations", "keep_history")
    @classmethod
    def _is_a_day(cls, span: timedelta) -> timedelta:
        if span < _DAY:
            raise ValueError("must be at least 24h, which the figures of a day are made from")
        return span

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: Secret) -> Secret:
        if not url.reveal().startswith(_STORES):
            raise ValueError('must start with "sqlite:///" or "postgresql+psycopg://"')
        return url


class Scope(StrEnum):
    """What a token may do. `operate` includes `read`; the others stand for themselves."""

    READ = "read"
    REPORT = "report"
    OPERATE = "operate"
    SEND = "send"
    METRICS = "metrics"


class TokenSettings(Table):
    """One caller of the API; the name of the table is the name of the reporter."""

    token: TokenText
    """The bearer token."""
    token_file: Path | None = None
    """File that holds the token."""
    scopes: Annotated[tuple[Scope, ...], AfterValidator(each_once("scope"))] = Field(min_length=1)
    """What the caller may do."""


class SlackSettings(Table):
    """Alerts in Slack: one living message per incident with a token, plain posts with a webhook."""

    token: HiddenText | None = None
    """The bot token (scope chat:write)."""
    token_file: Path | None = None
    """File that holds the token."""
    channel: ChannelId | None = None
    """The channel's id, not its name: only an id can be updated."""
    webhook_url: HiddenText | None = None
    """An incoming webhook, instead of token and channel."""
    webhook_url_file: Path | None = None
    """File that holds the webhook's address."""
    app_token: HiddenText | None = None
    """The app's token (scope connections:write), to hear buttons and the command by Socket Mode."""
    app_token_file: Path | None = None
    """File that holds the app's token."""
    signing_secret: HiddenText | None = None
    """The app's signing secret, to hear buttons and the command at `/v1/slack/interactive`."""
    signing_secret_file: Path | None = None
    """File that holds the signing secret."""
    operators: Annotated[tuple[SlackUser, ...], AfterValidator(each_once("person"))] = ()
    """The Slack ids of those who may press buttons and use the command."""
    api_url: WebAddress = "https://slack.com/api/"
    """Where Slack's API is; another only for tests."""

    @field_validator("channel")
    @classmethod
    def _belongs_to_a_token(cls, channel: str | None, info: ValidationInfo) -> str | None:
        if channel is None and info.data.get("token"):
            raise ValueError("is missing; token needs the id of a channel")
        return channel

    @field_validator("webhook_url")
    @classmethod
    def _is_one_way(cls, url: Secret | None, info: ValidationInfo) -> Secret | None:
        if "token" not in info.data:
            return url
        if url and info.data["token"]:
            raise ValueError("cannot go together with token; keep token and channel, or webhook_url alone")
        if not url and not info.data["token"]:
            raise ValueError("is missing, and so is token; give token and channel, or webhook_url")
        if url and not url.reveal().startswith(("https://", "http://")):
            raise ValueError('must be a web address that starts with "https://" or "http://"')
        return url

    @field_validator("app_token")
    @classmethod
    def _is_an_apps(cls, token: Secret | None) -> Secret | None:
        if token and not token.reveal().startswith("xapp-"):
            raise ValueError('must start with "xapp-"; a bot token belongs in token')
        return token

    @field_validator("app_token", "signing_secret")
    @classmethod
    def _hears_for_a_bot(cls, secret: Secret | None, info: ValidationInfo) -> Secret | None:
        if secret and info.data.get("webhook_url"):
            raise ValueError("needs token and channel; an incoming webhook has no buttons")
        return secret

    @field_validator("operators")
    @classmethod
    def _are_heard(cls, operators: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "app_token" not in info.data or "signing_secret" not in info.data:
            return operators
        heard = bool(info.data["app_token"] or info.data["signing_secret"])
        if heard and not operators:
            raise ValueError("is missing; name those who may press buttons")
        if operators and not heard:
            raise ValueError("cannot be heard without app_token or signing_secret; give one of them")
        return operators

    @property
    def heard(self) -> bool:
        """Whether buttons do anything."""
        return bool(self.operators)


class WebhookSettings(Table):
    """One receiver of events, by signed requests (Standard Webhooks)."""

    url: WebAddress
    """Where events are posted."""
    secret: SigningSecret
    """What requests are signed with: "whsec_" and base64 of 24 to 64 bytes."""
    secret_file: Path | None = None
    """File that holds the secret."""
    old_secret: SigningSecret | None = None
    """The secret before it, while the receiver is being told the new one; both sign."""
    old_secret_file: Path | None = None
    """File that holds it."""
    header: FixedHeader | None = None
    """A fixed header, "Name: value", for tools that cannot verify signatures."""
    header_file: Path | None = None
    """File that holds it."""
    events: Annotated[tuple[EventType, ...], AfterValidator(each_once("event"))] = ()
    """The types of events to send; none listed means all."""
    streams: Annotated[tuple[Name, ...], AfterValidator(each_once("stream"))] = ()
    """Only events that name one of these streams; none listed means all."""
    providers: Names = ()
    """Only events that name one of these providers; none listed means all."""
    severity: Severity | None = None
    """The least severity to send: info, warning or critical."""
    timeout: PositiveSpan = timedelta(seconds=5)
    """How long a whole request may take; at most 30 s."""
    max_age: PositiveSpan = _DAY
    """Events older than this are given up; at most a day."""
    latest_only: bool = False
    """Whether a failover that still waits is given up once a newer one of its stream waits behind it."""
    allow_private: bool = False
    """Whether a name may lead to a loopback or private address, then by plain http too; an address in `url` may."""

    @field_validator("url")
    @classmethod
    def _is_in_reach(cls, url: str) -> str:
        complaint = Reach(private=True).complaint(url)
        if complaint is not None:
            raise ValueError(f"is refused: {complaint}")
        return url

    @field_validator("allow_private")
    @classmethod
    def _suits_the_url(cls, private: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        url = info.data.get("url")
        complaint = None if url is None else reach_of(url, private=private).complaint(url)
        if complaint is not None:
            raise ValueError(f"must be true for this url: {complaint}")
        return private

    @field_validator("timeout")
    @classmethod
    def _ends_soon(cls, span: timedelta) -> timedelta:
        if span > _LONGEST_TIMEOUT:
            raise ValueError("must be at most 30 s")
        return span

    @field_validator("max_age")
    @classmethod
    def _is_a_day_at_most(cls, span: timedelta) -> timedelta:
        if span > _DAY:
            raise ValueError("must be at most 24 h, for which an event is tried")
        return span
