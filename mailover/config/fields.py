"""The kinds of values a config key can have, each with the sentence that refuses a wrong one.

No sentence repeats the value it refuses: it may be a secret that was pasted into the wrong line.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PlainValidator

from mailover.config.durations import parse_duration
from mailover.secrets import Secret

_HIGHEST_PORT = 65535
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?")
_MAILBOX = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
_WEB_ADDRESS = re.compile(r"https?://[^\s/@?#]+([/?]\S*)?")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_EHLO_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{8,}")
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{6,30}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OUR_HEADERS = {"host", "content-type", "content-length", "connection", "transfer-encoding", "idempotency-key"}
_RECIPIENTS = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_MAIL_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_PLUGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_MAILS_OWN_HEADERS = frozenset({
    "bcc", "cc", "date", "dkim-signature", "from", "in-reply-to", "message-id", "mime-version", "received",
    "references", "reply-to", "return-path", "sender", "subject", "to",
})  # fmt: skip
_LONGEST_HEADER = 900
_SHORTEST_TOKEN = 32
_SIGNING_BYTES = range(24, 65)


class Table(BaseModel):
    """One table of the config file: unknown keys are refused, nothing changes once it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a port, to listen on or to ask."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A span of the day; `end` before `start` runs over midnight."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name is made of lower-case letters, digits and hyphens inside, at most 63 characters")
    return text


def _host(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError('must be a host name or an address, without port, such as "smtp.example.com"') from None
    return text


def _address(text: object, *, lowest: int, fixed: int | None, ips_only: bool = False) -> Address:
    """Read "host:port", "[v6]:port", or a bare host when the port is `fixed`."""
    if isinstance(text, Address):
        return text
    form = f'must be "{"address" if ips_only else "host"}:port"' + (f", or without a port ({fixed})" if fixed else "")
    if not isinstance(text, str):
        raise ValueError(form)  # noqa: TRY004 - pydantic turns only ValueError into a problem
    host, port = text, str(fixed or "")
    if not _is_ip(text) and ":" in text:
        host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(_HIGHEST_PORT)) else -1
    if not (_is_ip(host) or (not ips_only and _HOST.fullmatch(host))) or not lowest <= number <= _HIGHEST_PORT:
        raise ValueError(f"{form}, the port between {lowest} and {_HIGHEST_PORT}")
    return Address(host=host, port=number)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_listen(text: object) -> Address:
    """Read "host:port", where port 0 lets the system choose; raises ValueError with the cure."""
    return _address(text, lowest=0, fixed=None)


def _peer(text: object) -> Address:
    return _address(text, lowest=1, fixed=None)


def _nameserver(text: object) -> Address:
    return _address(text, lowest=1, fixed=53, ips_only=True)


def _port(port: int) -> int:
    if not 1 <= port <= _HIGHEST_PORT:
        raise ValueError(f"must be between 1 and {_HIGHEST_PORT}")
    return port


def _mailbox(text: str) -> str:
    if not _MAILBOX.fullmatch(text):
        raise ValueError('must be one mail address, such as "noreply@example.com"')
    return text


def _domain(text: str) -> str:
    if not _HOST.fullmatch(text) or _is_ip(text):
        raise ValueError('must be a domain, such as "example.com"')
    return text.rstrip(".").lower()


def _web_address(text: str) -> str:
    if not _WEB_ADDRESS.fullmatch(text):
        raise ValueError('must be a web address that starts with "https://" or "http://", without a password in it')
    return text


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(value)


def _positive(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("must be longer than 0")
    return span


def _clock(value: object) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, time):
        return value
    if not found:
        raise ValueError('must be a time of day in quotes, from "00:00" to "23:59"')
    return time(int(found[1]), int(found[2]))


def _hours(value: object) -> Hours:
    ends = value.split("-") if isinstance(value, str) else []
    clocks = [_CLOCK.fullmatch(end.strip()) for end in ends]
    match clocks:
        case [re.Match() as first, re.Match() as last] if first.group() != last.group():
            return Hours(start=_clock(first.group()), end=_clock(last.group()))
    raise ValueError('must be two different times of day, such as "08:00-18:00"')


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be a time zone of the IANA list, such as "Europe/Berlin" or "UTC"') from None


def _secret(value: object) -> Secret:
    secret = Secret(value) if isinstance(value, str) else value
    if not isinstance(secret, Secret):
        raise ValueError("must be a text in quotes")  # noqa: TRY004 - pydantic turns only ValueError into a problem
    if not secret:
        raise ValueError("is empty; leave the key out if there is no secret")
    if "\0" in secret.reveal():
        raise ValueError("contains a NUL character, which no protocol can carry")
    return secret


def _token(secret: Secret) -> Secret:
    if len(secret.reveal()) < _SHORTEST_TOKEN:
        raise ValueError(f"must have at least {_SHORTEST_TOKEN} characters; `mailover token create` makes a good one")
    return secret


def _signing_secret(secret: Secret) -> Secret:
    try:
        raw = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not secret.reveal().startswith("whsec_") or len(raw) not in _SIGNING_BYTES:
        raise ValueError('must be "whsec_" and the base64 of 24 to 64 random bytes (Standard Webhooks)')
    return secret


def one_header(text: str) -> str:
    """A header that a receiver of webhooks may want, "Name: value". Raises ValueError, which does not repeat it."""
    name, _, value = text.partition(":")
    if not _HEADER.fullmatch(name) or not value.strip() or not value.isprintable() or not value.isascii():
        raise ValueError('must be one header, such as "X-Token: abc"')
    if name.lower() in _OUR_HEADERS or name.lower().startswith("webhook-"):
        raise ValueError("is a header that mailover sets itself")
    return text


def _header(secret: Secret) -> Secret:
    one_header(secret.reveal())
    return secret


def _recipients(text: str) -> str:
    try:
        found = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        found = ""
    if found != "*" and not _RECIPIENTS.fullmatch(found):
        raise ValueError('must be a domain of recipients, such as "example.fr" or "*.de"')
    return found


def _tag(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError('must be a short word in lower case, such as "eu"')
    return text


def _header_name(text: str) -> str:
    if not _MAIL_HEADER.fullmatch(text):
        raise ValueError("a header's name is made of letters, digits and hyphens")
    if text.lower() in _MAILS_OWN_HEADERS or text.lower().startswith(("content-", "resent-", "arc-")):
        raise ValueError("belongs to the message itself and cannot be set here")
    return text


def _header_text(text: str) -> str:
    if not text.strip() or not text.isascii() or not text.isprintable() or len(text) > _LONGEST_HEADER:
        raise ValueError(f"must be one line of at most {_LONGEST_HEADER} characters of ASCII")
    return text.strip()


def _plugin(text: str) -> str:
    if not _PLUGIN.fullmatch(text):
        raise ValueError('must be the name of a plug-in, such as "by-hour"')
    return text


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError('must be networks, such as "10.0.0.0/8", or single addresses') from None


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as exc:
        raise ValueError(f"cannot be read: {exc.strerror or type(exc).__name__}") from None


def _ehlo_name(text: str) -> str:
    if not _EHLO_NAME.fullmatch(text):
        raise ValueError('must be a host name, or an address in brackets such as "[192.0.2.1]"')
    return text


def _username(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("must not be empty or contain control characters; leave the key out to probe no login")
    return text


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError('must be the channel\'s id, such as "C0123456789", not its name')
    return text


def _slack_user(text: str) -> str:
    if not _SLACK_USER.fullmatch(text):
        raise ValueError('must be a person\'s id, such as "U0123456789", not a name')
    return text


def each_once(what: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Make the check that no `what` is listed twice."""

    def check(listed: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({str(item) for item in listed if listed.count(item) > 1})
        if twice:
            raise ValueError(f"lists a {what} twice: {', '.join(twice)}")
        return listed

    return check


_AS_TEXT = PlainSerializer(str, return_type=str)

Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[str, ...], AfterValidator(each_once("provider"))]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, AfterValidator(_port)]
Listen = Annotated[Address, PlainValidator(parse_listen), _AS_TEXT]
Peer = Annotated[Address, PlainValidator(_peer), _AS_TEXT]
Nameserver = Annotated[Address, PlainValidator(_nameserver), _AS_TEXT]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Domain = Annotated[str, AfterValidator(_domain)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Span = Annotated[timedelta, BeforeValidator(_duration)]
PositiveSpan = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Clock = Annotated[time, PlainValidator(_clock)]
DayHours = Annotated[Hours, PlainValidator(_hours), _AS_TEXT]
Zone = Annotated[ZoneInfo, PlainValidator(_zone), _AS_TEXT]
HiddenText = Annotated[Secret, PlainValidator(_secret)]
TokenText = Annotated[Secret, PlainValidator(_secret), AfterValidator(_token)]
SigningSecret = Annotated[Secret, PlainValidator(_secret), AfterValidator(_signing_secret)]
FixedHeader = Annotated[Secret, PlainValidator(_secret), AfterValidator(_header)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderText = Annotated[str, AfterValidator(_header_text)]
RecipientPattern = Annotated[str, AfterValidator(_recipients)]
Tag = Annotated[str, AfterValidator(_tag)]
PluginName = Annotated[str, AfterValidator(_plugin)]
IpNetwork = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(_network), _AS_TEXT]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
EhloName = Annotated[str, AfterValidator(_ehlo_name)]
Username = Annotated[str, AfterValidator(_username)]
ChannelId = Annotated[str, AfterValidator(_channel)]
SlackUser = Annotated[str, AfterValidator(_slack_user)]
