"""Whether an envelope's domain lets a provider send from everywhere it sends from (SPF), range by range.

Whose domain the envelope has is `envelope`'s answer; what follows for DMARC is `alignment`'s.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from dns_checks.answers import Lookup
from dns_checks.conventions import ProviderDns
from dns_checks.ranges import Family, Ranges
from dns_checks.spf.cost import Cost, cost_of
from dns_checks.spf.evaluation import MOST_LOOKUPS, check_host
from dns_checks.spf.record import Verdict
from dns_checks.spf.walk import Walked, walk

_MOST_SAMPLES = 8
_MOST_NAMED = 3


class Covered(StrEnum):
    """How much of a provider a record authorises."""

    PASS = "pass"  # noqa: S105 - a word of SPF
    PARTIAL = "partial"
    MISSING = "missing"
    SHADOWED = "shadowed"
    """An earlier term refuses what a later one would let pass."""
    PERMERROR = "permerror"
    UNKNOWN = "unknown"


_BEST_FIRST = (
    Covered.PASS,
    Covered.PARTIAL,
    Covered.UNKNOWN,
    Covered.SHADOWED,
    Covered.PERMERROR,
    Covered.MISSING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a domain's SPF record is worth to a provider."""

    domain: str
    covered: Covered
    because: str
    total: int = 0
    """DNS lookups that the whole record costs."""
    used: int = 0
    """Those spent until the last of the provider's addresses was decided."""
    silent: bool = False
    """It is unknown because the DNS did not answer, not because something was never told."""
    sampled: bool = False
    """The record asks about more than addresses, so that only a few were tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a provider sends from, by one of its records or by the config."""

    name: str
    ranges: tuple[Ranges, ...]
    trouble: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class _Tried:
    """One source sent through one record, family by family."""

    source: _Source
    walks: list[Walked]
    passed: list[Ranges]
    left: list[Ranges]
    """What did not pass."""


async def cover(domain: str, dns: ProviderDns, lookup: Lookup, *, managed: bool = False) -> Coverage:
    """How much of the provider the domain's record authorises.

    A `managed` record is the provider's own: it may name the account's addresses alone, and letting any pass will do.
    """
    cost = await cost_of(domain, lookup)
    if managed:
        return await _managed(domain, dns, lookup, cost)
    sources = await _sources(dns, lookup)
    if not sources:
        because = f"where {dns.provider} sends from is not known, so {domain} cannot be compared with it"
        return Coverage(domain=domain, covered=Covered.UNKNOWN, because=because, total=cost.total)
    tried = await asyncio.gather(*(_cover(domain, dns, source, lookup, cost) for source in sources))
    return min(tried, key=lambda each: _BEST_FIRST.index(each.covered))


async def _managed(domain: str, dns: ProviderDns, lookup: Lookup, cost: Cost) -> Coverage:
    walks = await asyncio.gather(*(walk(domain, Ranges.everything(family), lookup) for family in Family))
    used = max(each.used for each in walks)
    if any(each.fate(Verdict.PASS) or each.undecided for each in walks):
        because = f"{domain} has the SPF record that {dns.provider} keeps for it"
        return Coverage(domain=domain, covered=Covered.PASS, because=because, total=cost.total, used=used)
    because, silent = _trouble(domain, walks)
    covered = Covered.UNKNOWN if silent else Covered.MISSING
    return Coverage(domain=domain, covered=covered, because=because, total=cost.total, used=used, silent=silent)


async def _sources(dns: ProviderDns, lookup: Lookup) -> list[_Source]:
    if dns.networks:
        ranges = tuple(Ranges.of(family, dns.networks) for family in Family)
        return [_Source(name="its configured addresses", ranges=ranges)]
    return list(await asyncio.gather(*(_source(each, lookup) for each in dns.includes)))


async def _source(include: str, lookup: Lookup) -> _Source:
    walks = await asyncio.gather(*(walk(include, Ranges.everything(family), lookup) for family in Family))
    ranges = tuple(each.fate(Verdict.PASS) for each in walks)
    if any(ranges):
        return _Source(name=include, ranges=ranges)
    because, silent = _trouble(include, walks)
    if any(each.undecided for each in walks):
        because = f"the record of {include} names no addresses"
    return _Source(name=include, ranges=ranges, trouble=because, silent=silent)


def _trouble(domain: str, walks: list[Walked]) -> tuple[str, bool]:
    """Why a record lets nobody pass, and whether that is only the silence of the DNS."""
    for verdict in (Verdict.TEMPERROR, Verdict.PERMERROR):
        for each in walks:
            if verdict in each.reasons:
                return each.reasons[verdict], verdict is Verdict.TEMPERROR
    nothing = any(each.fate(Verdict.NONE) for each in walks)
    return (f"{domain} has no SPF record" if nothing else f"the record of {domain} lets nobody pass"), False


async def _cover(domain: str, dns: ProviderDns, source: _Source, lookup: Lookup, cost: Cost) -> Coverage:
    """One source's ranges, sent through the domain's record."""
    if source.trouble is not None:
        because = f"where {dns.provider} sends from is not known: {source.trouble}"
        return Coverage(domain=domain, covered=Covered.UNKNOWN, because=because, total=cost.total, silent=source.silent)
    walks = await asyncio.gather(*(walk(domain, each, lookup) for each in source.ranges if each))
    passed = [each.fate(Verdict.PASS) for each in walks]
    undecided = [each.undecided for each in walks]
    sampled = any(undecided)
    if sampled:
        passed = [one | await _sampled(domain, rest, lookup) for one, rest in zip(passed, undecided, strict=True)]
    sent = [each for each in source.ranges if each]
    left = [one - other for one, other in zip(sent, passed, strict=True)]
    used = max((each.used for each in walks), default=0)
    covered, because = await _judge(domain, dns, _Tried(source, walks, passed, left), lookup)
    if sampled:
        because = f"{because} (the record asks about more than addresses, so a few were tried)"
    over = f"; its record costs {cost.total} DNS lookups of 10" if cost.total > MOST_LOOKUPS else ""
    return Coverage(
        domain=domain,
        covered=covered,
        because=because + over,
        total=cost.total,
        used=used,
        silent=covered is Covered.UNKNOWN,
        sampled=sampled,
    )


async def _judge(domain: str, dns: ProviderDns, tried: _Tried, lookup: Lookup) -> tuple[Covered, str]:
    walks, left = tried.walks, tried.left
    whole = f"where {dns.provider} sends from ({tried.source.name})"
    if not any(left):
        return Covered.PASS, f"the SPF record of {domain} lets everything pass {whole}"
    for verdict, covered in ((Verdict.TEMPERROR, Covered.UNKNOWN), (Verdict.PERMERROR, Covered.PERMERROR)):
        reason = next((each.reasons[verdict] for each in walks if each.fate(verdict)), None)
        if reason is not None:
            return covered, f"SPF fails for {dns.provider}: {reason}" if covered is Covered.PERMERROR else reason
    if all(each.fate(Verdict.NONE) for each in walks):
        return Covered.MISSING, f"{domain} has no SPF record"
    shadow = await _shadow(domain, walks, left, lookup)
    if shadow is not None:
        return Covered.SHADOWED, f"in the record of {domain}, {shadow} comes before what would let {dns.provider} pass"
    if any(tried.passed):
        missing = [str(network) for each in left for network in each.networks()]
        named = ", ".join(missing[:_MOST_NAMED]) + (
            f" and {len(missing) - _MOST_NAMED} more" * (len(missing) > _MOST_NAMED)
        )
        return Covered.PARTIAL, f"the SPF record of {domain} leaves out some of {whole}: {named}"
    return Covered.MISSING, f"the SPF record of {domain} lets nothing pass {whole}"


async def _shadow(domain: str, walks: list[Walked], left: list[Ranges], lookup: Lookup) -> str | None:
    """The term that refuses addresses which a later one would let pass."""
    for seen, rest in zip(walks, left, strict=True):
        if not rest:
            continue
        heedless = await walk(domain, rest, lookup, heedless=True)
        hidden = heedless.fate(Verdict.PASS)
        for match in seen.matches:
            if match.verdict is not Verdict.PASS and match.ranges & hidden:
                return match.term
    return None


async def _sampled(domain: str, ranges: Ranges, lookup: Lookup) -> Ranges:
    """The spans of which every sample passes."""
    passing = Ranges(family=ranges.family)
    step = max(1, -(-len(ranges.spans) // _MOST_SAMPLES))
    failing = False
    for span in ranges.spans[::step]:
        alone = Ranges(family=ranges.family, spans=(span,))
        results = await asyncio.gather(
            *(check_host(address, f"postmaster@{domain}", domain, lookup) for address in alone.samples(2))
        )
        if all(result.result is Verdict.PASS for result in results):
            passing |= alone
        else:
            failing = True
    return passing if failing else ranges
