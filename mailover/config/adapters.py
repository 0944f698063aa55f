"""The tables of what follows the flag: other systems' own protocols, files and commands. Each is off until it is there.

Shape only; nothing listens, writes or runs here.
"""

import base64
import binascii
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mailover.config.fields import (
    Address,
    Domain,
    HiddenText,
    Listen,
    Name,
    Names,
    Nameserver,
    PositiveSpan,
    Table,
    each_once,
)
from mailover.core.events import EventType, Severity
from mailover.secrets import Secret

_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_SERVICE = re.compile(r"[A-Za-z0-9_-]{1,63}")
_NEXT_HOP = re.compile(r"[A-Za-z0-9_-]{1,63}:[\x20-\x7e]{1,200}")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))+")
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_LONGEST_RUN = timedelta(seconds=45)
"""A run must be over, and settled, while its lease of the outbox lasts."""


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError('must be origins as browsers send them, such as "https://app.example.com", or "*"')
    return text.lower()


def _service(text: str) -> str:
    if not _SERVICE.fullmatch(text):
        raise ValueError('must be the name of a service in master.cf, such as "smtp"')
    return text


def _argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    if argv and (not argv[0] or any("\0" in word for word in argv)):
        raise ValueError('must be a program with its arguments, such as ["/usr/sbin/postfix", "reload"]')
    return argv


def _dns_name(text: str) -> str:
    name = text.rstrip(".").lower()
    if not _DNS_NAME.fullmatch(name):
        raise ValueError('must be a full name, such as "smtp.relay.example.com"')
    return name


def _key_name(text: str) -> str:
    if not _KEY_NAME.fullmatch(text):
        raise ValueError('must be the name of a key, such as "mailover-key"')
    return text


def _base64(secret: Secret) -> Secret:
    try:
        raw = base64.b64decode(secret.reveal(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw:
        raise ValueError("must be base64, as in the server's key statement")
    return secret


def _soon(span: timedelta) -> timedelta:
    if span > _LONGEST_RUN:
        raise ValueError("must be at most 45 s")
    return span


def _next_hop(text: str) -> str:
    if not _NEXT_HOP.fullmatch(text):
        raise ValueError('must be a service of master.cf and what it is given, such as "retry:mail is held"')
    return text


Service = Annotated[str, AfterValidator(_service)]
NextHop = Annotated[str, AfterValidator(_next_hop)]
Argv = Annotated[tuple[str, ...], AfterValidator(_argv)]
DnsName = Annotated[str, AfterValidator(_dns_name)]
KeyName = Annotated[str, AfterValidator(_key_name)]
RunSpan = Annotated[PositiveSpan, AfterValidator(_soon)]


class OfrepSettings(Table):
    """Flags for OpenFeature's SDKs (OFREP 0.3.0), at /ofrep/v1 of the API."""

    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], AfterValidator(each_once("origin"))] = ()
    """Web pages that may ask from a browser, by their origin; "*" is every page that has a token."""


class SocketmapSettings(Table):
    """Postfix asks where mail goes, for each recipient (socketmap_table(5))."""

    listen: Listen = Address(host="127.0.0.1", port=8588)
    """Where Postfix asks; there is no login, so loopback or a closed network."""
    transport: Service = "smtp"
    """The service of master.cf for providers with STARTTLS or without TLS."""
    implicit_transport: Service = "smtps"
    """The one for providers with implicit TLS; it needs smtp_tls_wrappermode."""
    hold: NextHop = "lmtp:unix:held-by-mailover"
    """Where mail goes while the flag holds it: by default to a socket that is never there, so it stays in the queue."""
    local_domains: Annotated[tuple[Domain, ...], AfterValidator(each_once("domain"))] = ()
    """Domains that Postfix delivers by itself: nothing is answered for them."""


class HaproxySettings(Table):
    """HAProxy asks how a server stands (agent-check)."""

    listen: Listen = Address(host="127.0.0.1", port=8589)
    """Where HAProxy asks; there is no login, so loopback or a closed network."""


class EximSettings(Table):
    """Exim asks where mail goes, for each recipient (readsocket)."""

    listen: Listen = Address(host="127.0.0.1", port=8590)
    """Where Exim asks; there is no login, so loopback or a closed network."""


class NginxSettings(Table):
    """nginx's mail proxy asks where a session goes (auth_http), at /v1/adapters/nginx of the API."""


class FileFormat(StrEnum):
    """What a flag file is written as."""

    JSON = "json"
    ENV = "env"
    PLAIN = "plain"
    POSTFIX = "postfix"


class FilesSettings(Table):
    """The flag of each stream in files, written when it changes."""

    directory: Path
    """Where they are; it must exist."""
    formats: Annotated[tuple[FileFormat, ...], AfterValidator(each_once("format"))] = Field(
        (FileFormat.JSON, FileFormat.ENV, FileFormat.PLAIN), min_length=1
    )
    """Which of them: STREAM.json, STREAM.env, STREAM (the provider's name), STREAM.transport (for Postfix)."""
    command: Argv = ()
    """Run after a change was written, without a shell, and again until it succeeds."""
    timeout: RunSpan = timedelta(seconds=10)
    """How long it may take."""


class DnsRecord(StrEnum):
    """What a DNS update writes."""

    CNAME = "CNAME"
    SRV = "SRV"


class DnsUpdateSettings(Table):
    """One DNS record that names the active provider's host (RFC 2136), for what takes a host name and nothing else."""

    server: Nameserver
    """The zone's primary server, by its address."""
    domain: Domain
    """The zone that the server may be asked to change."""
    name: DnsName
    """The record's name, inside that zone."""
    record: DnsRecord = DnsRecord.CNAME
    """CNAME, or SRV (RFC 6186), which has the port too."""
    ttl: PositiveSpan = timedelta(seconds=30)
    """How long resolvers may keep it."""
    stream: Name | None = None
    """The stream it follows; the default one without it."""
    key_name: KeyName
    """The TSIG key's name, as the server knows it."""
    key: Annotated[HiddenText, AfterValidator(_base64)]
    """The TSIG key (hmac-sha256), in base64."""
    key_file: Path | None = None
    """File that holds the key."""

    @field_validator("name")
    @classmethod
    def _is_inside(cls, name: str, info: ValidationInfo) -> str:
        if "domain" in info.data and not name.endswith(f".{info.data['domain']}"):
            raise ValueError("must be inside domain, which is all that the key may change")
        return name


class HookSettings(Table):
    """A command that is run for each event it asks for, without a shell, at least once and in order."""

    command: Argv = Field(min_length=1)
    """The program and its arguments. It gets the event as JSON on its input and in MAILOVER_EVENT_* variables."""
    events: Annotated[tuple[EventType, ...], AfterValidator(each_once("event"))] = (
        EventType.FAILOVER_HAPPENED,
        EventType.FAILBACK_HAPPENED,
    )
    """The types of events it is run for; none listed means all."""
    streams: Annotated[tuple[Name, ...], AfterValidator(each_once("stream"))] = ()
    """Only events that name one of these streams; none listed means all."""
    providers: Names = ()
    """Only events that name one of these providers; none listed means all."""
    severity: Severity | None = None
    """The least severity: info, warning or critical."""
    timeout: RunSpan = timedelta(seconds=10)
    """How long a run may take; then its whole process group is killed and it is tried again later."""


def hook_endpoint(name: str) -> str:
    """A hook's name in the outbox."""
    return f"hook/{name}"


class AdaptersSettings(Table):
    """What follows the flag without asking this API's own questions."""

    ofrep: OfrepSettings | None = None
    """Flags for OpenFeature's SDKs."""
    socketmap: SocketmapSettings | None = None
    """Postfix asks for each recipient."""
    haproxy: HaproxySettings | None = None
    """HAProxy asks for each server."""
    exim: EximSettings | None = None
    """Exim asks for each recipient."""
    nginx: NginxSettings | None = None
    """nginx's mail proxy asks for each session."""
    files: FilesSettings | None = None
    """The flag in files."""
    dns_update: DnsUpdateSettings | None = None
    """The active provider's host in the DNS."""
    hooks: dict[Name, HookSettings] = Field(default_factory=dict)
    """Commands that are run when something happens."""
