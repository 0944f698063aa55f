"""The tables that say how providers are watched: rhythm, breaker, round trips, references.

Numbers and places, no rule of the core.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mailover.config.fields import (
    HiddenText,
    Host,
    Listen,
    Mailbox,
    Nameserver,
    Peer,
    Port,
    PositiveSpan,
    ReadableFile,
    Span,
    Table,
    Username,
    each_once,
)
from mailover.config.providers import refuse_plaintext
from mailover.core.providers import Tls

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class Profile(StrEnum):
    """A rhythm with a name; any key that is given overrides its part of it."""

    STANDARD = "standard"
    PATIENT = "patient"


class ProbesSettings(Table):
    """The rhythm of looking."""

    profile: Profile = Profile.STANDARD
    """Defaults for this table and [breaker]: quick, or the rhythm of a classic workflow-tool check."""
    port_interval: PositiveSpan = 15 * _SECOND
    """Between two port probes of a provider."""
    login_interval: PositiveSpan = _MINUTE
    """Between two login probes of a provider."""
    round_trip_interval: PositiveSpan = 30 * _MINUTE
    """Between two test messages through a provider."""
    deadline: PositiveSpan = 10 * _SECOND
    """The longest a port or login probe may take."""
    retry_interval: PositiveSpan = 2 * _SECOND
    """Between the starts of two confirmations of a failure."""
    auth_pause: Span = 5 * _SECOND
    """Before a failed login is tried once more."""
    slow: PositiveSpan = 5 * _SECOND
    """A probe that takes longer is slow; three of the last five make the provider slow."""
    slow_is_failure: bool = False
    """Whether a slow probe counts as a failed one."""

    @field_validator("slow")
    @classmethod
    def _can_be_reached(cls, slow: timedelta, info: ValidationInfo) -> timedelta:
        if slow >= info.data.get("deadline", timedelta.max):
            raise ValueError("must be shorter than probes.deadline, else nothing is ever slow")
        return slow


class BreakerSettings(Table):
    """When a provider's breaker opens and closes."""

    failures: int = Field(default=3, ge=1, le=100)
    """Failures in a row at one depth that open it."""
    open_for: PositiveSpan = _MINUTE
    """Until the first trial of an open breaker."""
    open_for_max: PositiveSpan = 30 * _MINUTE
    """The longest time between two trials."""
    auth_open_for: PositiveSpan = 5 * _MINUTE
    """Until the first trial after refused logins, doubling to 60 min."""
    successes: int = Field(default=2, ge=1, le=100)
    """Good trials in a row that close it."""
    failback_after: Span = 5 * _MINUTE
    """How long a better provider must be closed before the flag returns to it."""
    failback_max: Span = 4 * _HOUR
    """The longest such hold after relapses."""
    window: PositiveSpan = 10 * _MINUTE
    """The time over which the ratio of failed probes is taken."""
    window_minimum: int = Field(default=20, ge=1, le=10_000)
    """Scheduled probes of a depth before the ratio speaks."""
    window_ratio: float = Field(default=0.2, gt=0, le=1)
    """The failed share of them that opens it."""

    @field_validator("open_for_max")
    @classmethod
    def _not_below_the_first(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least(longest, info, "open_for")

    @field_validator("failback_max")
    @classmethod
    def _not_below_the_hold(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least(longest, info, "failback_after")


def _at_least(longest: timedelta, info: ValidationInfo, first: str) -> timedelta:
    if longest < info.data.get(first, timedelta.min):
        raise ValueError(f"must not be shorter than breaker.{first}")
    return longest


class MailboxKind(StrEnum):
    """Where test messages are looked for."""

    IMAP = "imap"
    SMTP = "smtp"
    WEBHOOK = "webhook"


class ImapSettings(Table):
    """The mailbox that receives test messages."""

    host: Host
    """The IMAP server."""
    port: Port = 993
    """Its port."""
    allow_plaintext: bool = False
    """Permits `tls = "none"`, for a peer on a trusted wire."""
    tls: Tls = Tls.IMPLICIT
    """How the connection is encrypted."""
    ca_file: ReadableFile | None = None
    """PEM file with the authorities to trust instead of the system's."""
    username: Username
    """Who logs in."""
    password: HiddenText
    """The mailbox's password."""
    password_file: Path | None = None
    """File that holds the password."""
    folders: Annotated[tuple[str, ...], AfterValidator(each_once("folder"))] = Field(
        default=("INBOX", "Junk"), min_length=1
    )
    """Where to look; a message found elsewhere than in the first has arrived, but as junk."""

    _encrypted = field_validator("tls")(refuse_plaintext)


class SinkSettings(Table):
    """mailover's own SMTP server for test messages; the domain's MX must lead to it."""

    listen: Listen
    """Where it listens; port 25 of a public address, or where one is forwarded to."""


class RoundTripSettings(Table):
    """Test messages that must really arrive."""

    to: Mailbox
    """Where test messages are sent."""
    deadline: PositiveSpan = _MINUTE
    """After this a message counts as missing."""
    imap: ImapSettings | None = None
    """The mailbox, for `mailbox = "imap"`."""
    smtp: SinkSettings | None = None
    """The own server, for `mailbox = "smtp"`."""
    mailbox: MailboxKind = MailboxKind.IMAP
    """How an arrival is noticed: asked by IMAP, received by SMTP, or told by a workflow tool."""

    @field_validator("mailbox")
    @classmethod
    def _has_its_table(cls, kind: MailboxKind, info: ValidationInfo) -> MailboxKind:
        if kind.value in info.data and info.data[kind.value] is None:
            raise ValueError(f'"{kind}" needs the table [round_trip.{kind}]')
        return kind


class ReferencesSettings(Table):
    """Others to ask when a provider is silent: "is it me?"."""

    tcp: Annotated[tuple[Peer, ...], AfterValidator(each_once("host"))] = ()
    """Hosts that accept connections, as "host:port"; best ones far from every provider."""


class ResolverSettings(Table):
    """Where host names are asked."""

    nameservers: Annotated[tuple[Nameserver, ...], AfterValidator(each_once("name server"))] = ()
    """Addresses of name servers; none means the system's."""
