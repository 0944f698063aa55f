"""Everything about domains and providers in one run: each pair's verdict, each domain's own findings, as one value.

The checks themselves are elsewhere; what is printed, stored or told of a report is others' business.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dns_checks.advice import advise_alias, advise_spf
from dns_checks.alignment import Alignment, Passes, align, dkim_leg, judge_alignment, spf_leg
from dns_checks.answers import TXT, Lookup, Mx
from dns_checks.authority import check_authority
from dns_checks.blocklists import check_blocklists
from dns_checks.conventions import ProviderDns
from dns_checks.coverage import Coverage, Covered, cover
from dns_checks.dkim import judge_keys, look_up_keys
from dns_checks.dmarc import Dmarc, check_dmarc, look_up_dmarc
from dns_checks.envelope import find_envelope, judge_envelope
from dns_checks.findings import Check, Finding, Seen, worst
from dns_checks.mx import Reach, check_mx, reach_once
from dns_checks.spf.hygiene import check_spf
from dns_checks.tls_policies import Fetch, check_tls_policies
from dns_checks.zone_servers import Asking
from mailover.core.events import Severity

Told = Callable[[], None]
"""Called whenever one part of the work is done."""

_COVERAGE = {
    Covered.PASS: None,
    Covered.PARTIAL: Severity.WARNING,
    Covered.MISSING: Severity.WARNING,
    Covered.SHADOWED: Severity.WARNING,
    Covered.PERMERROR: Severity.WARNING,
    Covered.UNKNOWN: Severity.INFO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One domain's mail through one provider."""

    domain: str
    provider: str
    verdict: Passes
    because: str
    silent: bool
    """It is unknown because the DNS did not answer."""
    envelope: str | None
    """The domain that SPF is checked on, where it is known."""
    coverage: str | None
    """`pass`, `partial`, `missing`, `shadowed`, `permerror`, `unknown`; None without an envelope to look at."""
    lookups_total: int
    lookups_used: int
    findings: tuple[Finding, ...]

    def body(self) -> dict[str, object]:
        """The cell as JSON."""
        return {
            "domain": self.domain,
            "provider": self.provider,
            "verdict": str(self.verdict),
            "because": self.because,
            "envelope": self.envelope,
            "coverage": self.coverage,
            "lookups_total": self.lookups_total,
            "lookups_used": self.lookups_used,
            "findings": [body(finding) for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run found."""

    cells: tuple[Cell, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    """What holds of a domain whoever sends."""
    listed: tuple[Finding, ...] = ()
    """What blocklists say of one's own addresses."""

    @property
    def broken(self) -> bool:
        """Whether mail suffers somewhere."""
        own = (worst(each) for each in (*self.findings.values(), self.listed))
        return any(cell.verdict is Passes.NONE for cell in self.cells) or Severity.CRITICAL in own

    @property
    def records(self) -> frozenset[Seen]:
        """Every record that the findings rest on."""
        every = [
            *(f for cell in self.cells for f in cell.findings),
            *(f for own in self.findings.values() for f in own),
        ]
        return frozenset(record for finding in every for record in finding.records)

    def body(self) -> dict[str, object]:
        """The report as JSON."""
        return {
            "cells": [cell.body() for cell in self.cells],
            "domains": [
                {"domain": domain, "findings": [body(finding) for finding in own]}
                for domain, own in self.findings.items()
            ],
            "addresses": [{"address": finding.domain, **body(finding)} for finding in self.listed],
        }


def body(finding: Finding) -> dict[str, object]:
    """A finding as JSON."""
    return {
        "check": str(finding.check),
        "verdict": str(finding.verdict),
        "severity": finding.severity and str(finding.severity),
        "because": finding.because,
        "records": [{"name": each.name, "type": each.kind, "value": each.value} for each in finding.records],
        "advice": finding.advice,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """What else to look at; nothing, by default."""

    mx: bool = False
    exchangers: tuple[str, ...] = ()
    """Those that must be there, the first choice first."""
    reach: Reach | None = None
    """With it every mail exchanger is connected to, if MX is looked at."""
    asking: Asking | None = None
    """With it every authoritative name server is asked."""
    tls: bool = False
    """MTA-STS, TLS-RPT and DANE."""
    fetch: Fetch | None = None
    """With it the policy file of MTA-STS is read, if TLS is looked at."""
    addresses: tuple[str, ...] = ()
    """Addresses of one's own to look for in blocklists."""


async def check_all(
    domains: Sequence[str],
    providers: Sequence[ProviderDns],
    lookup: Lookup,
    *,
    also: Also = Also(),
    seen: Mapping[tuple[str, str], str] | None = None,
    told: Told = lambda: None,
) -> Report:
    """Every domain with every provider. `seen`: Return-Path domains of arrived messages, by domain and provider.

    `told` is called once per domain and once per pair.
    """
    known = seen or {}
    also = replace(also, reach=reach_once(also.reach)) if also.reach else also

    async def one(domain: str) -> tuple[list[Cell], tuple[Finding, ...]]:
        dmarc = await look_up_dmarc(domain, lookup)
        cells = await asyncio.gather(*(pair(dns, dmarc) for dns in providers))
        includes, keys = _includes(providers, cells, domain), _keys(providers, domain)
        own = await _own(domain, lookup, also, includes=includes, keys=keys)
        told()
        return cells, own

    async def pair(dns: ProviderDns, dmarc: Dmarc) -> Cell:
        cell = await check_pair(dns, dmarc, lookup, seen=known.get((dmarc.domain, dns.provider)))
        told()
        return cell

    checked = await asyncio.gather(*(one(domain) for domain in domains))
    listed = await check_blocklists(also.addresses, lookup) if also.addresses else ()
    return Report(
        cells=tuple(cell for cells, _ in checked for cell in cells),
        findings={domain: own for domain, (_, own) in zip(domains, checked, strict=True)},
        listed=listed,
    )


def _includes(providers: Sequence[ProviderDns], cells: Sequence[Cell], domain: str) -> frozenset[str]:
    """The includes that are of use at the domain itself, since some provider's envelope is there."""
    there = (dns for dns, cell in zip(providers, cells, strict=True) if cell.envelope == domain)
    return frozenset(include.lower() for dns in there for include in dns.includes)


def _keys(providers: Sequence[ProviderDns], domain: str) -> frozenset[str]:
    """The names at which the providers' DKIM keys are, as far as the selectors are known."""
    known = (each for dns in providers for each in dns.selectors if each.known)
    return frozenset(f"{each.name}._domainkey.{domain}".lower() for each in known)


async def _own(
    domain: str, lookup: Lookup, also: Also, *, includes: frozenset[str], keys: frozenset[str]
) -> tuple[Finding, ...]:
    """What holds of the domain whoever sends."""
    parts = [check_spf(domain, lookup, wanted=includes), check_dmarc(domain, lookup)]
    if also.mx:
        steps = enumerate(also.exchangers, start=1)
        wanted = [Mx(preference=10 * step, host=host) for step, host in steps]
        parts.append(check_mx(domain, lookup, expected=wanted, reach=also.reach))
    if also.asking is not None:
        questions = [(name, TXT) for name in sorted(keys)]
        parts.append(check_authority(domain, lookup, also.asking, questions=questions))
    if also.tls:
        parts.append(check_tls_policies(domain, lookup, fetch=also.fetch))
    return tuple(finding for findings in await asyncio.gather(*parts) for finding in findings)


async def check_pair(dns: ProviderDns, dmarc: Dmarc, lookup: Lookup, *, seen: str | None = None) -> Cell:
    """One domain's mail through one provider."""
    domain = dmarc.domain
    envelope, keys = await asyncio.gather(
        find_envelope(domain, dns, lookup, seen=seen), look_up_keys(domain, dns.selectors, lookup)
    )
    coverage = None
    if envelope.domain is not None:
        coverage = await cover(envelope.domain, dns, lookup, managed=envelope.managed)
    signed = judge_keys(domain, dns.selectors, keys, provider=dns.provider)
    dkim = dkim_leg(keys, signed)
    alignment = align(domain, dns, await spf_leg(dns, envelope, coverage, dmarc, lookup), dkim)
    findings = [judge_alignment(domain, dns, alignment), judge_envelope(domain, dns, envelope)]
    if coverage is not None:
        findings.append(await _coverage(domain, dns, coverage, alignment, lookup))
    return Cell(
        domain=domain,
        provider=dns.provider,
        verdict=alignment.passes,
        because=alignment.because,
        silent=alignment.silent,
        envelope=envelope.domain,
        coverage=None if coverage is None else str(coverage.covered),
        lookups_total=coverage.total if coverage else 0,
        lookups_used=coverage.used if coverage else 0,
        findings=(*(each for each in findings if each), _eased(signed, alignment)),
    )


async def _coverage(domain: str, dns: ProviderDns, coverage: Coverage, alignment: Alignment, lookup: Lookup) -> Finding:
    severity = _COVERAGE[coverage.covered]
    advice = None
    if coverage.covered is Covered.UNKNOWN and coverage.silent:
        severity = Severity.WARNING
    elif severity is not None and alignment.spf.passes is None:
        severity = Severity.INFO
    if coverage.covered in {Covered.MISSING, Covered.PARTIAL, Covered.SHADOWED}:
        advice = advise_alias(coverage.domain, dns, domain) or await advise_spf(coverage.domain, dns, lookup)
    return Finding(
        domain=domain,
        provider=dns.provider,
        check=Check.COVERAGE,
        verdict=coverage.covered,
        severity=severity,
        because=coverage.because,
        advice=advice,
    )


def _eased(signed: Finding, alignment: Alignment) -> Finding:
    """Without DKIM mail is not lost while SPF carries it: a warning then, and no more."""
    if signed.severity is Severity.CRITICAL and alignment.spf.passes:
        return replace(signed, severity=Severity.WARNING)
    return signed
