"""Every DNS question of the checks is asked here: UDP with EDNS, then TCP, under one absolute deadline per question.

What the answers mean for mail is decided elsewhere; host names to dial are `mailover.resolve`'s business.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from dns_checks.answers import Absent, Answer, Found, Kind, R, Trouble, Unknown, name_from
from dns_checks.servers import Server, system_servers
from mailover.racing import AllFailedError, first_of

_TTL_FLOOR = 5.0
_TTL_CEILING = 3600.0
_PAYLOAD = 1232  # fits every path unfragmented (DNS flag day 2020)
_ASKED_AGAIN_AFTER = 1.0  # a lost packet costs this much; an answer that is only slow still counts
_MOST_ALIASES = 8
_LONGEST_PACKET = 65535
_MUTE_FOR = 60.0
_WITHOUT_EDNS = {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}
_TROUBLES = {dns.rcode.SERVFAIL: Trouble.SERVFAIL, dns.rcode.REFUSED: Trouble.REFUSED}


class _TroubleError(Exception):
    """One server's reply that is no answer."""

    def __init__(self, trouble: Trouble, text: str, referral: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.referral = referral


@dataclass(slots=True, kw_only=True)
class _Question:
    """One question while it is being asked."""

    name: dns.name.Name
    kind: str
    complaints: dict[Server, _TroubleError] = field(default_factory=dict)
    cut: bool = False
    """A server said that its answer is too long for UDP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """One packet that asks."""

    id: int
    name: dns.name.Name
    kind: dns.rdatatype.RdataType
    wire: bytes


_Reply: TypeAlias = tuple[dns.message.QueryMessage, dns.message.ChainingResult | None]
"""A reply and what its aliases lead to, None when they have no end."""


class DnsLookup:
    """A `Lookup` that asks name servers. It keeps no answers: see `Remembered`."""

    def __init__(
        self,
        servers: Sequence[Server] | None = None,
        *,
        lifetime: float = 4.0,
        recursive: bool = True,
        at_once: int = 128,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`servers` instead of the system's; `lifetime` in seconds per question; at most `at_once` in the air.

        Without `recursive` the servers are asked for what they hold with authority; anything else is `lame`.
        """
        self._servers = tuple(system_servers() if servers is None else servers)
        self._lifetime = lifetime
        self._patience = min(_ASKED_AGAIN_AFTER, lifetime / 4)
        self._recursive = recursive
        self._room = asyncio.Semaphore(at_once)
        self._now = now
        self._heard: set[Server] = set()
        self._mute_until: dict[Server, float] = {}

    def authoritative(self, server: Server) -> "DnsLookup":
        """The same, asking one authoritative server and nobody else."""
        return DnsLookup((server,), lifetime=self._lifetime, recursive=False, now=self._now)

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        """See `Lookup.ask`. A name that cannot be a domain name does not exist."""
        absolute = _absolute(name)
        if absolute is None:
            return Absent(exists=False)
        if not self._servers:
            return Unknown(trouble=Trouble.UNREACHABLE, because="no name server is configured")
        async with self._room:
            servers = self._worth_asking()
            if not servers:
                mute = " and ".join(map(str, self._servers))
                return Unknown(trouble=Trouble.SILENT, because=f"{mute} gave no reply to an earlier question")
            question = _Question(name=absolute, kind=kind.name)
            try:
                async with asyncio.timeout(self._lifetime):
                    return await self._follow(question, kind, servers)
            except (AllFailedError, TimeoutError, _TroubleError) as exc:
                return self._unknown(question, name, servers, exc)

    def _worth_asking(self) -> list[Server]:
        """Those that have answered first; those that have only ever been silent not at all, for a while."""
        now = self._now()
        asked = [server for server in self._servers if self._mute_until.get(server, now) <= now]
        return sorted(asked, key=lambda server: server not in self._heard)

    async def _follow(self, question: _Question, kind: Kind[R], servers: Sequence[Server]) -> Answer[R]:
        """Ask, and ask again for the end of an alias that the server left open."""
        aliases: list[str] = []
        name = question.name
        while True:
            asking = [partial(self._one, question, server, name) for server in servers]
            reply, chain = await (asking[0]() if len(asking) == 1 else first_of(asking, stagger=self._patience))
            if chain is None:
                raise _TroubleError(Trouble.LOOP, "its aliases (CNAME) never end")
            aliases += [name_from(record[0].target.labels) for record in chain.cnames]
            ttl = min(max(float(chain.minimum_ttl), _TTL_FLOOR), _TTL_CEILING)
            if chain.answer is not None:
                records = tuple(kind.read(record) for record in chain.answer)
                return Found(records=records, ttl=ttl, aliases=tuple(aliases))
            exists = reply.rcode() != dns.rcode.NXDOMAIN
            if not exists or not chain.cnames or _has(reply, dns.rdatatype.SOA) or not self._recursive:
                return Absent(exists=exists, ttl=ttl, aliases=tuple(aliases))
            if len(aliases) >= _MOST_ALIASES:
                raise _TroubleError(Trouble.LOOP, "its aliases (CNAME) never end")
            name = chain.canonical_name

    async def _one(self, question: _Question, server: Server, name: dns.name.Name) -> _Reply:
        """One server's answer. Raises _TroubleError, and notes it."""
        asking = partial(_exchange, question, server, patience=self._patience)
        try:
            reply = await asking(_query(name, question.kind, recursive=self._recursive))
            if reply.rcode() in _WITHOUT_EDNS:
                reply = await asking(_query(name, question.kind, recursive=self._recursive, edns=False))
            self._heard.add(server)
            return self._sound(reply)
        except _TroubleError as error:
            question.complaints[server] = error
            raise

    def _sound(self, reply: dns.message.Message) -> _Reply:
        """The reply, if it can be believed, and what its aliases lead to. Raises _TroubleError."""
        rcode = reply.rcode()
        if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN} or not isinstance(reply, dns.message.QueryMessage):
            text = " ".join([dns.rcode.to_text(rcode), *_extended(reply)])
            raise _TroubleError(_TROUBLES.get(rcode, Trouble.BROKEN), text)
        authority = bool(reply.flags & dns.flags.AA)
        if not self._recursive and not authority:
            raise _TroubleError(Trouble.LAME, "it does not answer with authority", _referral(reply))
        referral = _has(reply, dns.rdatatype.NS) and not _has(reply, dns.rdatatype.SOA)
        if referral and not reply.answer and not authority and not reply.flags & dns.flags.RA:
            raise _TroubleError(Trouble.LAME, "it only refers to other servers")
        try:
            chain = reply.resolve_chaining()
        except dns.message.ChainTooLong:
            return reply, None
        except dns.exception.DNSException as exc:
            raise _TroubleError(Trouble.BROKEN, "its reply contradicts itself") from exc
        if chain.answer is None and reply.errors:
            raise _TroubleError(Trouble.BROKEN, "its records cannot be read")
        return reply, chain

    def _unknown(self, question: _Question, name: str, servers: Sequence[Server], error: Exception) -> Unknown:
        """Why nothing is known, with each server's part in it."""
        said = dict(question.complaints)
        if isinstance(error, _TroubleError):
            because = f"{name} {question.kind}: {error}"
            return Unknown(trouble=error.trouble, because=because, referral=error.referral)
        parts = []
        for server in servers:
            if server in said:
                parts.append(f"{server} said {said[server]}")
                continue
            parts.append(f"{server} gave no {'whole ' if question.cut else ''}reply within {self._lifetime:g} s")
            if server not in self._heard and not question.cut:
                self._mute_until[server] = self._now() + _MUTE_FOR
        silence = Trouble.TCP if question.cut else Trouble.SILENT
        trouble = next((each.trouble for each in said.values()), silence)
        return Unknown(trouble=trouble, because=f"{name} {question.kind}: {'; '.join(parts)}")


async def _exchange(question: _Question, server: Server, query: _Query, *, patience: float) -> dns.message.Message:
    """The first reply that belongs to the query, over TCP when it does not fit. Raises _TroubleError."""
    try:
        return await _over_udp(server, query, patience)
    except dns.message.Truncated:
        question.cut = True
    except OSError as exc:
        raise _TroubleError(Trouble.UNREACHABLE, f"nothing at all ({exc.strerror or type(exc).__name__})") from exc
    try:
        return await _over_tcp(server, query)
    except (OSError, EOFError) as exc:
        raise _TroubleError(Trouble.TCP, f"its answer is too long for UDP, and over TCP {_reason(exc)}") from exc


async def _over_udp(server: Server, query: _Query, patience: float) -> dns.message.Message:
    """Raises Truncated, OSError. Whatever is not the answer to this query is passed over."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:  # a new port for each question, and only its peer is heard
        sock.setblocking(False)
        sock.connect((server.host, server.port))
        sock.send(query.wire)
        again = loop.call_later(patience, _send_again, sock, query.wire)
        try:
            while True:
                reply = _reply_to(query, await loop.sock_recv(sock, _LONGEST_PACKET))
                if reply is not None:
                    return reply
                await asyncio.sleep(0)  # while packets keep coming, reading alone would never let the deadline pass
        finally:
            again.cancel()


def _send_again(sock: socket.socket, wire: bytes) -> None:
    with contextlib.suppress(OSError):  # who reads from the socket meets the same error
        sock.send(wire)


def _query(name: dns.name.Name, kind: str, *, recursive: bool, edns: bool = True) -> _Query:
    rdtype, id_ = dns.rdatatype.from_text(kind), secrets.randbits(16)
    flags = dns.flags.RD if recursive else 0
    header = struct.pack("!HHHHHH", id_, flags, 1, 0, 0, int(edns))
    question = b"".join(bytes([len(label)]) + label for label in name.labels) + struct.pack(
        "!HH", rdtype, dns.rdataclass.IN
    )
    options = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, _PAYLOAD, 0, 0) if edns else b""
    return _Query(id=id_, name=name, kind=rdtype, wire=header + question + options)


def _belongs(reply: dns.message.Message, query: _Query) -> bool:
    """Whether it answers this query; a server that cannot read a question need not repeat it."""
    if reply.id != query.id or not reply.flags & dns.flags.QR or reply.opcode() != dns.opcode.QUERY:
        return False
    if not reply.question:
        return reply.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
    asked = reply.question[0]
    return (
        len(reply.question) == 1
        and (asked.rdtype, asked.rdclass) == (query.kind, dns.rdataclass.IN)
        and asked.name == query.name
    )


def _reply_to(query: _Query, data: bytes) -> dns.message.Message | None:
    """The reply, None when the packet is garbage or belongs to another question. Raises Truncated.

    A whole record with an illegal value (a TXT without a string) is left out; it must not hide its neighbours.
    """
    try:
        reply = dns.message.from_wire(data, raise_on_truncation=True, ignore_trailing=True, continue_on_error=True)
    except dns.message.Truncated as exc:
        if _belongs(exc.kwargs["message"], query):
            raise
        return None
    except Exception:  # noqa: BLE001 - anything may be wrong in a packet from anybody
        return None
    whole = all(isinstance(error.exception.__cause__, ValueError) for error in reply.errors)
    return reply if whole and _belongs(reply, query) else None


async def _over_tcp(server: Server, query: _Query) -> dns.message.Message:
    """Raises OSError, EOFError. A message is at most 64 KiB by its own length field."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
        length = int.from_bytes(await reader.readexactly(2), "big")
        try:
            reply = _reply_to(query, await reader.readexactly(length))
        except dns.message.Truncated:
            reply = None
        if reply is None:
            raise EOFError("it sent something else")
        return reply
    finally:
        writer.transport.abort()


def _absolute(name: str) -> dns.name.Name | None:
    """The name with its root, None for what cannot be one: empty or long labels, more than 255 bytes, not latin-1."""
    try:
        labels = [label.encode("latin-1") for label in name.removesuffix(".").split(".")]
        return dns.name.Name([*labels, b""]) if all(labels) else None
    except (UnicodeEncodeError, dns.exception.DNSException):
        return None


def _has(reply: dns.message.Message, kind: dns.rdatatype.RdataType) -> bool:
    return any(rrset.rdtype == kind for rrset in reply.authority)


def _referral(reply: dns.message.Message) -> tuple[str, ...]:
    """The servers that the name asked for is delegated to, as its parent has them."""
    asked = reply.question[0].name
    found = (rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.NS and rrset.name == asked)
    return tuple(name_from(record.target.labels) for rrset in found for record in rrset)


def _extended(reply: dns.message.Message) -> list[str]:
    """What extended errors (RFC 8914) add, printable and short."""
    found = [option for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    texts = [f"{dns.edns.EDECode.to_text(option.code)} {option.text or ''}".strip() for option in found[:2]]
    return ["(" + "".join(filter(str.isprintable, text))[:100] + ")" for text in texts]


def _reason(exc: Exception) -> str:
    if isinstance(exc, asyncio.IncompleteReadError):
        return "it hung up"
    return str(getattr(exc, "strerror", None) or exc or type(exc).__name__)[:100]
