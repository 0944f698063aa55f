"""Host names to addresses: /etc/hosts, then the name servers, under one deadline, with the last good answer kept.

"No such name" and "nobody could be asked" are different answers. Mail records are `dns_checks`' business.
"""

import asyncio
import ipaddress
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from mailover.racing import AllFailedError, first_of

T = TypeVar("T")

_TTL_FLOOR = 5.0
_TTL_CEILING = 3600.0
_NEXT_ASKED_AFTER = 0.5  # a lost packet or a mute server costs this much; an answer that is only slow still counts
_RESOLUTION_DELAY = 0.05  # RFC 8305 section 3: how long the A records wait for the AAAA ones
_ROUNDS = 2
_MOST_ADDRESSES = 16  # a name with hundreds of addresses is no reason to dial hundreds
_DNS_PORT = 53
_LOOPBACK = ("127.0.0.1", "::1")


class Outcome(StrEnum):
    """What became of a question."""

    FOUND = "found"
    ABSENT = "absent"
    """The name does not exist or has no address: the provider's or our configuration's fault."""
    TROUBLE = "trouble"
    """Nobody gave a usable answer: our resolver's fault, evidence of blindness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The addresses of a name, IPv6 and IPv4 taking turns, or why there are none."""

    outcome: Outcome
    addresses: tuple[str, ...] = ()
    stale: bool = False
    """The name servers could not be asked; these are the last good addresses."""
    because: str = ""
    """What went wrong, for people; empty when nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    resolution: Resolution
    fresh_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    addresses: tuple[str, ...]
    ttl: float


class _NoSuchNameError(Exception):
    """NXDOMAIN: no records of any type."""


class Resolver:
    """Resolves names for the SMTP client; one for the whole process, so that its cache is shared."""

    def __init__(
        self,
        *,
        nameservers: Sequence[str] = (),
        lifetime: float = 2.0,
        now: Callable[[], float] = time.monotonic,
        hosts_file: str = "/etc/hosts",
        resolv_conf: str = "/etc/resolv.conf",
    ) -> None:
        """`nameservers` are `address` or `address:port`, instead of those in `resolv_conf`; `lifetime` in seconds."""
        self._configured = tuple(_server(text) for text in nameservers)
        self._lifetime = lifetime
        self._now = now
        self._hosts = _FileReading(hosts_file, _read_hosts)
        self._system_servers = _FileReading(resolv_conf, _read_resolv_conf)
        self._kept: dict[str, _Kept] = {}

    async def resolve(self, host: str, *, within: float | None = None) -> Resolution:
        """The addresses of `host` within the resolver's lifetime, or `within` seconds if that is less. Never raises."""
        name = host.rstrip(".").casefold()
        literal = _literal(name)
        known = (literal,) if literal else self._hosts.value.get(name, _LOOPBACK if _is_localhost(name) else ())
        if known:
            return Resolution(outcome=Outcome.FOUND, addresses=known)
        kept = self._kept.get(name)
        if kept is not None and self._now() < kept.fresh_until:
            return kept.resolution
        lifetime = self._lifetime if within is None else min(within, self._lifetime)
        try:
            async with asyncio.timeout(lifetime):
                return await self._ask(name, lifetime)
        except (_NoSuchNameError, dns.resolver.NoAnswer):
            return Resolution(outcome=Outcome.ABSENT, because=f"{host} does not exist or has no address")
        except (dns.exception.DNSException, AllFailedError, OSError, ValueError) as exc:
            return self._last_good(name, f"the name servers gave no answer for {host}: {_reason(exc)}")

    async def _ask(self, name: str, lifetime: float) -> Resolution:
        try:
            question = dns.name.from_text(name + ".")
        except (dns.exception.DNSException, UnicodeError):
            return Resolution(outcome=Outcome.ABSENT, because="not a host name")
        servers = self._configured or self._system_servers.value
        if not servers:
            return self._last_good(name, "no name server is configured (/etc/resolv.conf has none)")
        records = await _both_families(servers, question, lifetime)
        resolution = Resolution(outcome=Outcome.FOUND, addresses=records.addresses)
        fresh_for = min(max(records.ttl, _TTL_FLOOR), _TTL_CEILING)
        self._kept[name] = _Kept(resolution=resolution, fresh_until=self._now() + fresh_for)
        return resolution

    def _last_good(self, name: str, because: str) -> Resolution:
        """RFC 8767: an old answer is better than none. Asking again at once would only cost every probe its time."""
        kept = self._kept.get(name)
        if kept is None:
            return Resolution(outcome=Outcome.TROUBLE, because=because)
        stale = replace(kept.resolution, stale=True, because=because)
        self._kept[name] = _Kept(resolution=stale, fresh_until=self._now() + _TTL_FLOOR)
        return stale


async def _both_families(servers: Sequence[tuple[str, int]], name: dns.name.Name, lifetime: float) -> _Records:
    """A and AAAA at once; AAAA may add to an answer but neither delay nor spoil it."""
    four = asyncio.create_task(_records(servers, name, dns.rdatatype.A, lifetime))
    six = asyncio.create_task(_records(servers, name, dns.rdatatype.AAAA, lifetime))
    try:
        await asyncio.wait({four, six}, return_when=asyncio.FIRST_COMPLETED)
        if not four.done():
            # also when AAAA says "no such name": some servers say it of every type but A
            await asyncio.wait({four}, timeout=lifetime / 2 if _has_addresses(six) else None)
        if four.done() and not _says_no_such_name(four):
            await asyncio.wait({six}, timeout=_RESOLUTION_DELAY if _has_addresses(four) else None)
        answers = [task.result() for task in (six, four) if _has_addresses(task)]
        if answers:
            turns = itertools.chain.from_iterable(itertools.zip_longest(*(answer.addresses for answer in answers)))
            addresses = tuple(address for address in turns if address is not None)[:_MOST_ADDRESSES]
            return _Records(addresses=addresses, ttl=min(answer.ttl for answer in answers))
        for task in (four, six):
            if task.done():
                task.result()
        raise dns.resolver.NoAnswer
    finally:
        four.cancel()
        six.cancel()
        await asyncio.gather(four, six, return_exceptions=True)


def _has_addresses(task: asyncio.Task[_Records]) -> bool:
    return task.done() and task.exception() is None and bool(task.result().addresses)


def _says_no_such_name(task: asyncio.Task[_Records]) -> bool:
    return isinstance(task.exception(), _NoSuchNameError)


async def _records(
    servers: Sequence[tuple[str, int]], name: dns.name.Name, kind: dns.rdatatype.RdataType, lifetime: float
) -> _Records:
    """One question to every server in turn, twice, without giving up on the earlier ones."""
    asking = [partial(_records_from, server, name, kind, lifetime) for server in servers] * _ROUNDS
    answer = await first_of(asking, stagger=_NEXT_ASKED_AFTER)
    if answer is None:
        raise _NoSuchNameError(str(name))
    return answer


async def _records_from(
    server: tuple[str, int], name: dns.name.Name, kind: dns.rdatatype.RdataType, lifetime: float
) -> _Records | None:
    """The records, possibly none; None when the name does not exist. Raises for anything that is not an answer."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server[0]]
    resolver.port = server[1]
    resolver.timeout = resolver.lifetime = lifetime
    try:
        answer = await resolver.resolve(name, kind, search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return None
    addresses = tuple(record.to_text() for record in answer.rrset or ())
    return _Records(addresses=addresses, ttl=float(answer.chaining_result.minimum_ttl))


class _FileReading(Generic[T]):
    """What a file says, read again when it changes; an absent file says nothing."""

    def __init__(self, path: str, read: Callable[[Iterable[str]], T]) -> None:
        self._path = Path(path)
        self._read = read
        self._stamp: tuple[int, int] | None = None
        self._value = read(())

    @property
    def value(self) -> T:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._value = self._read(self._path.read_text(encoding="utf-8", errors="replace").splitlines())
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp = None
            self._value = self._read(())
        except OSError:  # out of file descriptors, say: what was read before is still true
            self._stamp = None
        return self._value


def _read_hosts(lines: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        literal = _literal(address)
        for name in names if literal else ():
            found.setdefault(name.rstrip(".").casefold(), {})[literal] = None
    return {name: tuple(addresses) for name, addresses in found.items()}


def _read_resolv_conf(lines: Iterable[str]) -> tuple[tuple[str, int], ...]:
    words = (line.split() for line in lines)
    named = (found[1] for found in words if len(found) > 1 and found[0] == "nameserver")
    return tuple((address, _DNS_PORT) for address in named if _literal(address))


def _server(text: str) -> tuple[str, int]:
    """`address`, `address:port` or `[address]:port`; an address, nobody could resolve a server's name first."""
    if _literal(text):
        return text, _DNS_PORT
    address, _, port = text.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not _literal(address) or not port.isdecimal():
        raise ValueError(f"not the address of a name server: {text!r}")
    return address, int(port)


def _literal(text: str) -> str:
    """The address that the text is, without brackets, or nothing."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return ""


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761 section 6.3: never asked from a server


def _reason(exc: Exception) -> str:
    if isinstance(exc, AllFailedError):
        return "; ".join(dict.fromkeys(_reason(error) for error in exc.errors))
    if isinstance(exc, dns.resolver.NoNameservers):
        return "; ".join(dict.fromkeys(_complaint(error[3]) for error in exc.kwargs["errors"]))
    if isinstance(exc, TimeoutError | dns.exception.Timeout):
        return "no reply in time"
    return str(exc) or type(exc).__name__


def _complaint(error: object) -> str:
    return (str(error) or type(error).__name__)[:100]
