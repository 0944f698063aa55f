"""What every authoritative name server of a zone answers, asked each by itself, with the recursive answer beside it.

Asking only; `authority` says what the differences mean.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from dns_checks.answers import AAAA, NS, SOA, A, Absent, Answer, Found, Kind, Lookup, Unknown
from dns_checks.findings import written

Asking = Callable[[str], Lookup]
"""A lookup that asks the name server at this address and nobody else, for what it has authority over."""
_MOST_SERVERS = 26  # thirteen names with two addresses each is what the root has
_MOST_PARENTS = 3  # a mute one of a registry's many says nothing about the zone
_CASELESS = {"MX", "NS", "CNAME", "SOA", "SRV", "PTR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A name and a type whose records everybody should agree on."""

    name: str
    kind: Kind[Any]

    def __str__(self) -> str:
        return f"{self.name} {self.kind.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One name server at one address, and its answers."""

    host: str
    address: str
    soa: Answer[Any]
    answers: tuple[Answer[Any], ...]
    """In the order of the questions."""

    @property
    def serial(self) -> int | None:
        """The version of the zone that it holds."""
        return self.soa.records[0].serial if isinstance(self.soa, Found) else None

    @property
    def over_ipv6(self) -> bool:
        """Whether it was asked over IPv6."""
        return ip_address(self.address).version == 6  # noqa: PLR2004 - IPv6

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneView:
    """A zone as its servers, and the resolver, see it."""

    zone: str
    hosts: tuple[str, ...]
    """The names of its servers, those that only its parent knows included."""
    named: frozenset[str]
    """Those that the zone itself names, as the resolver tells it."""
    delegated: frozenset[str] | None
    """Those that the zone above refers to; None where that is not known."""
    lost: tuple[tuple[str, Unknown | None], ...]
    """Those without any address, and why where that is not known."""
    questions: tuple[Question, ...]
    servers: tuple[ServerView, ...]
    recursive: tuple[Answer[Any], ...]
    """The resolver's answers, in the order of the questions."""


async def find_zone(domain: str, lookup: Lookup) -> str | Unknown | None:
    """The zone that the domain is in: the first name upwards that has a SOA. None when nothing exists there."""
    labels = domain.lower().removesuffix(".").split(".")
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        answer = await lookup.ask(name, SOA)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Found) and not answer.aliases:
            # A zone with one label is a registry's, and nobody's mail is there.
            return name if start < len(labels) - 1 or len(labels) == 1 else None
    return None


async def look_at_zone(zone: str, questions: Sequence[Question], lookup: Lookup, asking: Asking) -> ZoneView | Unknown:
    """Ask every server of the zone for its SOA, its NS and the questions, all at once."""
    names = await lookup.ask(zone, NS)
    if isinstance(names, Unknown):
        return names
    named = frozenset(host.lower() for host in names.records) if isinstance(names, Found) else frozenset()
    delegated = await _delegated(zone, lookup, asking)
    hosts = tuple(sorted(named | (delegated or frozenset())))
    wanted = tuple(dict.fromkeys([Question(name=zone, kind=NS), *questions]))
    places = await asyncio.gather(*(_addresses(host, lookup) for host in hosts))
    ends = [(host, each) for host, place in zip(hosts, places, strict=True) if not _lost(place) for each in place[0]]
    servers = await asyncio.gather(
        *(_ask_server(host, address, zone, wanted, asking(address)) for host, address in ends[:_MOST_SERVERS])
    )
    recursive = await asyncio.gather(*(lookup.ask(each.name, each.kind) for each in wanted))
    return ZoneView(
        zone=zone,
        hosts=hosts,
        named=named,
        delegated=delegated,
        lost=tuple((host, place[1]) for host, place in zip(hosts, places, strict=True) if _lost(place)),
        questions=wanted,
        servers=tuple(servers),
        recursive=tuple(recursive),
    )


async def _delegated(zone: str, lookup: Lookup, asking: Asking) -> frozenset[str] | None:
    """What the servers of the zone above refer to."""
    above = zone.partition(".")[2]
    while above:
        names = await lookup.ask(above, NS)
        if isinstance(names, Found):
            break
        above = above.partition(".")[2] if isinstance(names, Absent) else ""
    else:
        return None
    places = await asyncio.gather(*(_addresses(host, lookup) for host in names.records[:_MOST_PARENTS]))
    addresses = [address for place in places for address in place[0]]
    for address in sorted(addresses, key=lambda each: ":" in each)[:_MOST_PARENTS]:
        answer = await asking(address).ask(zone, NS)
        if isinstance(answer, Found):
            return frozenset(host.lower() for host in answer.records)
        if isinstance(answer, Unknown) and answer.referral:
            return frozenset(host.lower() for host in answer.referral)
    return None


def content(answer: Answer[Any], kind: Kind[Any]) -> frozenset[str] | None:
    """What an answer says, so that two can be compared whatever their order; None when it says nothing."""
    match answer:
        case Unknown():
            return None
        case Absent():
            return frozenset()
        case Found(records=records):
            texts = map(written, records)
            return frozenset(text.lower() if kind.name in _CASELESS else text for text in texts)


_Place = tuple[tuple[str, ...], Unknown | None]


async def _addresses(host: str, lookup: Lookup) -> _Place:
    answers = await asyncio.gather(lookup.ask(host, A), lookup.ask(host, AAAA))
    found = tuple(address for answer in answers if isinstance(answer, Found) for address in answer.records)
    return found, next((answer for answer in answers if isinstance(answer, Unknown)), None)


def _lost(place: _Place) -> bool:
    return not place[0]


async def _ask_server(host: str, address: str, zone: str, questions: Sequence[Question], lookup: Lookup) -> ServerView:
    soa = await lookup.ask(zone, SOA)
    if isinstance(soa, Unknown):
        # Its answers would be as unknown, at the price of a deadline each.
        return ServerView(host=host, address=address, soa=soa, answers=(soa,) * len(questions))
    answers = await asyncio.gather(*(lookup.ask(each.name, each.kind) for each in questions))
    return ServerView(host=host, address=address, soa=soa, answers=tuple(answers))
