"""The DNS tree walk of DMARC (RFC 9989 section 4.10): which policy holds for a domain, and which organization it is of.

What a record means is `dmarc_record`'s business, and what is to be said about it `dmarc`'s.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dns_checks.answers import TXT, Absent, Answer, Found, Lookup, Unknown
from dns_checks.dmarc_record import DmarcRecord, is_dmarc, read_record

_MOST_LABELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One name of the walk."""

    domain: str
    answer: Answer[str]

    @property
    def name(self) -> str:
        """Where its record is or should be."""
        return f"_dmarc.{self.domain}"

    @property
    def candidates(self) -> tuple[str, ...]:
        """Its records that take part."""
        return tuple(filter(is_dmarc, self.answer.records)) if isinstance(self.answer, Found) else ()

    @property
    def record(self) -> DmarcRecord | None:
        """The one record; several are as good as none."""
        texts = self.candidates
        return read_record(texts[0]) if len(texts) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The stations from a domain upwards, as far as the walk goes."""

    domain: str
    stations: tuple[Station, ...]

    @property
    def unknown(self) -> Unknown | None:
        """The first station that nobody knows; what lies above it may or may not count."""
        return next((station.answer for station in self.stations if isinstance(station.answer, Unknown)), None)

    @property
    def organization(self) -> str:
        """The organizational domain (section 4.10.2); itself when nothing says more."""
        recorded = [(station, record) for station in self.stations if (record := station.record)]
        for station, record in recorded:
            if record.boundary == "n":
                return station.domain
            if record.boundary == "y" and station.domain != self.domain:
                below = self.domain.removesuffix(f".{station.domain}").rpartition(".")[2]
                return f"{below}.{station.domain}"
        return recorded[-1][0].domain if recorded else self.domain

    @property
    def ruling(self) -> Station | None:
        """The station whose record is the policy: the domain's own, its organization's, else its public suffix's."""
        wanted = (self.domain, self.organization)
        for domain in wanted:
            for station in self.stations:
                if station.domain == domain and station.record:
                    return station
        return next((each for each in self.stations if each.record and each.record.boundary == "y"), None)


async def walk(domain: str, lookup: Lookup) -> Walk:
    """Ask upwards from the domain. At most eight names."""
    domain = domain.lower().removesuffix(".")
    stations = [Station(domain=each, answer=await lookup.ask(f"_dmarc.{each}", TXT)) for each in [domain]]
    if not _ends(stations[0]):
        above = list(_parents(domain))
        answers = await asyncio.gather(*(lookup.ask(f"_dmarc.{each}", TXT) for each in above))
        for each, answer in zip(above, answers, strict=True):
            stations.append(Station(domain=each, answer=answer))
            if _ends(stations[-1]):
                break
    return Walk(domain=domain, stations=tuple(stations))


async def organization_of(domain: str, lookup: Lookup) -> str | Unknown:
    """The domain's organizational domain."""
    found = await walk(domain, lookup)
    return found.unknown or found.organization


async def is_aligned(author: str, authenticated: str, lookup: Lookup, *, strict: bool) -> bool | Unknown:
    """Whether what SPF or DKIM authenticated speaks for the From domain (RFC 9989 section 4.4)."""
    author, authenticated = (name.lower().removesuffix(".") for name in (author, authenticated))
    if author == authenticated:
        return True
    if strict or not _related(author, authenticated):
        return False
    ours, theirs = await asyncio.gather(organization_of(author, lookup), organization_of(authenticated, lookup))
    if isinstance(ours, Unknown):
        return ours
    if isinstance(theirs, Unknown):
        return theirs
    return ours == theirs


async def exists(domain: str, lookup: Lookup) -> bool | Unknown:
    """Whether there is such a name at all (`np=` is for those that are not)."""
    answer = await lookup.ask(domain, TXT)
    if isinstance(answer, Unknown):
        return answer
    return not isinstance(answer, Absent) or answer.exists


def _parents(domain: str) -> Iterator[str]:
    """The names above, starting with seven labels where there are eight or more."""
    labels: Sequence[str] = domain.split(".")
    labels = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]
    for start in range(len(labels)):
        yield ".".join(labels[start:])


def _ends(station: Station) -> bool:
    record = station.record
    return record is not None and record.boundary in {"y", "n"}


def _related(one: str, other: str) -> bool:
    """Whether they share so much as their last label; without it no organization can hold both."""
    return one.rpartition(".")[2] == other.rpartition(".")[2]
