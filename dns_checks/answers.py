"""What can be asked of the DNS and what comes back: found, absent or unknown, never one passed off as another.

Values and the `Lookup` protocol only. No packet is sent or read here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mx:
    """A mail exchanger; `host` is empty for a null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Soa:
    """What a zone says of itself."""

    primary: str
    contact: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Srv:
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlsa:
    """A certificate association (RFC 6698); `data` in hexadecimal."""

    usage: int
    selector: int
    matching: int
    data: str


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """A record type, and what one of its records becomes."""

    name: str
    read: Callable[[Any], R]


def name_from(labels: tuple[bytes, ...]) -> str:
    """A domain name as mailover writes it: no final dot, bytes as they are (latin-1), case kept."""
    return ".".join(label.decode("latin-1") for label in labels if label)


def _address(record: Any) -> str:
    return str(record.address)


def _target(record: Any) -> str:
    return name_from(record.target.labels)


def _text(record: Any) -> str:
    return b"".join(record.strings).decode("latin-1")


def _mx(record: Any) -> Mx:
    return Mx(preference=record.preference, host=name_from(record.exchange.labels))


def _soa(record: Any) -> Soa:
    return Soa(
        primary=name_from(record.mname.labels),
        contact=name_from(record.rname.labels),
        serial=record.serial,
        refresh=record.refresh,
        retry=record.retry,
        expire=record.expire,
        minimum=record.minimum,
    )


def _srv(record: Any) -> Srv:
    return Srv(priority=record.priority, weight=record.weight, port=record.port, host=name_from(record.target.labels))


def _tlsa(record: Any) -> Tlsa:
    return Tlsa(usage=record.usage, selector=record.selector, matching=record.mtype, data=record.cert.hex())


A = Kind("A", _address)
AAAA = Kind("AAAA", _address)
CNAME = Kind("CNAME", _target)
MX = Kind("MX", _mx)
NS = Kind("NS", _target)
PTR = Kind("PTR", _target)
SOA = Kind("SOA", _soa)
SRV = Kind("SRV", _srv)
TLSA = Kind("TLSA", _tlsa)
TXT = Kind("TXT", _text)
"""The strings of one record joined without a blank (RFC 7208 section 3.3), bytes as latin-1."""


class Trouble(StrEnum):
    """Why nothing is known."""

    SILENT = "silent"
    """No usable reply before the deadline; what could not be read was passed over."""
    REFUSED = "refused"
    SERVFAIL = "servfail"
    TCP = "tcp"
    """The answer was cut short, and could not be had whole over TCP."""
    LAME = "lame"
    """A server that was asked for its own zone's records did not answer for them."""
    LOOP = "loop"
    """The aliases (CNAME) never come to an end."""
    BROKEN = "broken"
    """A reply that contradicts itself, or another response code."""
    UNREACHABLE = "unreachable"
    """No name server is configured, or packets cannot be sent to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[R]):
    """At least one record."""

    records: tuple[R, ...]
    ttl: float
    """Seconds; between 5 s and 1 h whatever the server says."""
    aliases: tuple[str, ...] = ()
    """The names that CNAMEs led to, in order; the last one owns the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A name server says that there is no such record."""

    exists: bool
    """Whether the name exists, with other records (no data) or not at all (NXDOMAIN)."""
    ttl: float = 5.0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody gave a usable answer. Never read this as "missing"."""

    trouble: Trouble
    because: str
    """For people, with what each server said."""
    referral: tuple[str, ...] = ()
    """The name servers that a server without authority referred to for this very name."""


Answer: TypeAlias = Found[R] | Absent | Unknown


class Lookup(Protocol):
    """Somebody who can be asked."""

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        """The records of this type at `name`, an absolute name with or without its final dot. Never raises."""
        ...
