"""What a From domain's DMARC asks of receivers, and what of it does not do what its owner will have thought.

Which record holds is `tree_walk`'s answer; whether a provider passes it is judged elsewhere.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from dns_checks.answers import TXT, Found, Lookup, Unknown
from dns_checks.dmarc_record import DmarcRecord, Policy, obsolete_tags, softened, was_meant
from dns_checks.findings import UNKNOWN, Check, Finding, Seen, printable, seen_in
from dns_checks.tree_walk import Station, Walk, exists, is_aligned, walk
from mailover.core.events import Severity

_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """What holds for mail from one domain. Without a `record` there is no DMARC, unless `unknown` says why not."""

    domain: str
    organization: str
    walked: Walk
    record: DmarcRecord | None = None
    found_at: str | None = None
    """The domain whose record it is."""
    policy: Policy | None = None
    """The effective policy, `t=y` not applied: receivers that do not know it obey the whole."""
    strict_dkim: bool = False
    strict_spf: bool = False
    unknown: Unknown | None = None


async def look_up_dmarc(domain: str, lookup: Lookup) -> Dmarc:
    """The policy in force for mail from the domain."""
    walked = await walk(domain, lookup)
    ruling = walked.ruling
    organization = walked.organization
    own = ruling is not None and ruling.domain == walked.domain
    if walked.unknown and not own:
        return Dmarc(domain=walked.domain, organization=organization, walked=walked, unknown=walked.unknown)
    record = ruling.record if ruling else None
    if ruling is None or record is None or not record.applies:
        return Dmarc(domain=walked.domain, organization=organization, walked=walked)
    there = True
    if not own and record.nonexistent:
        known = await exists(walked.domain, lookup)
        there = isinstance(known, Unknown) or known
    return Dmarc(
        domain=walked.domain,
        organization=organization,
        walked=walked,
        record=record,
        found_at=ruling.domain,
        policy=record.policy_for(below=not own, exists=there),
        strict_dkim=record.strict_dkim,
        strict_spf=record.strict_spf,
    )


async def check_dmarc(domain: str, lookup: Lookup, *, reports: bool = True) -> tuple[Finding, ...]:
    """What the policy is; then each thing wrong with it. With `reports`, whether who is sent reports wants them."""
    dmarc = await look_up_dmarc(domain, lookup)
    found = [_verdict(dmarc), *_faults(dmarc)]
    if reports and dmarc.record and dmarc.found_at:
        found += await _unwanted_reports(dmarc, dmarc.found_at, dmarc.record.reports_to, lookup)
    return tuple(found)


def _verdict(dmarc: Dmarc) -> Finding:
    if dmarc.unknown:
        because = f"the DMARC policy of {dmarc.domain} is not known: {dmarc.unknown.because}"
        return _finding(dmarc, UNKNOWN, Severity.WARNING, because)
    record = dmarc.record
    if record is None or dmarc.policy is None:
        return _missing(dmarc)
    inherited = "" if dmarc.found_at == dmarc.domain else f" (from the record of {dmarc.found_at})"
    because = (
        f"mail from {dmarc.domain} that passes neither SPF nor DKIM in alignment is {_words(dmarc.policy)}{inherited}"
    )
    if record.testing:
        because += f"; as a test (t=y) it is {_words(softened(dmarc.policy))} by receivers that know RFC 9989"
    if record.percent < _WHOLE:
        because += f"; older receivers apply that to {record.percent} % of it (pct=), newer ones to all"
    strict = [name for name, is_strict in (("DKIM", record.strict_dkim), ("SPF", record.strict_spf)) if is_strict]
    if strict:
        because += f"; alignment of {' and '.join(strict)} is strict: a subdomain does not do"
    if dmarc.policy is Policy.NONE:
        advice = "when the reports show that all own mail passes, ask for p=quarantine, then for p=reject"
        return _finding(dmarc, dmarc.policy, Severity.INFO, because, advice)
    return _finding(dmarc, dmarc.policy, None, because)


def _missing(dmarc: Dmarc) -> Finding:
    advice = f'publish: _dmarc.{dmarc.organization}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{dmarc.organization}"'
    doubled = next((each for each in dmarc.walked.stations if len(each.candidates) > 1), None)
    if doubled:
        because = f"{doubled.name} has {len(doubled.candidates)} DMARC records, and receivers then use none of them"
        return _finding(dmarc, "duplicate", Severity.CRITICAL, because, "leave only one")
    ruling = dmarc.walked.ruling
    if ruling and ruling.record:
        because = f"the record at {ruling.name} asks for nothing: {'; '.join(ruling.record.problems)}"
        return _finding(dmarc, "malformed", Severity.CRITICAL, because, advice)
    return _finding(dmarc, "missing", Severity.CRITICAL, f"{dmarc.domain} has no DMARC policy", advice)


def _faults(dmarc: Dmarc) -> Iterator[Finding]:
    for station in dmarc.walked.stations:
        texts = station.answer.records if isinstance(station.answer, Found) else ()
        if len(station.candidates) > 1 and dmarc.record:
            because = f"{station.name} has {len(station.candidates)} DMARC records, and receivers use none of them"
            yield _finding(dmarc, "duplicate", Severity.WARNING, because, "leave only one")
        for text in filter(was_meant, texts):
            because = f"{station.name} has a record that is not read as DMARC: {printable(text, 60)}"
            yield _finding(dmarc, "malformed", Severity.WARNING, because, "begin it with v=DMARC1;")
    record = dmarc.record
    if record is None:
        return
    for problem in record.problems:
        yield _finding(dmarc, "flawed", Severity.WARNING, f"in the DMARC record of {dmarc.found_at} {problem}")
    obsolete = obsolete_tags(record)
    if obsolete:
        named = ", ".join(f"{name}=" for name in obsolete)
        because = f"the DMARC record of {dmarc.found_at} has {named}, which RFC 9989 took away"
        yield _finding(dmarc, "obsolete", Severity.INFO, because, f"take {named} out")
    if not record.reports_to:
        because = f"nobody is told who sends as {dmarc.domain}: the DMARC record has no rua="
        yield _finding(dmarc, "silent", Severity.INFO, because, "add rua=mailto: and an address that somebody reads")


async def _unwanted_reports(dmarc: Dmarc, owner: str, addresses: tuple[str, ...], lookup: Lookup) -> list[Finding]:
    """Reports to another organization are sent only if it says that it takes them (RFC 9990 section 4)."""
    hosts = sorted({address.rpartition("@")[2].lower() for address in addresses})
    found = await asyncio.gather(*(_unwanted(dmarc, owner, host, lookup) for host in hosts))
    return [finding for finding in found if finding]


async def _unwanted(dmarc: Dmarc, owner: str, host: str, lookup: Lookup) -> Finding | None:
    # An unknown organization is asked for its leave all the same: that is what decides.
    if await is_aligned(owner, host, lookup, strict=False) is True:
        return None
    name = f"{owner}._report._dmarc.{host}"
    answer = await lookup.ask(name, TXT)
    if isinstance(answer, Unknown):
        because = f"whether {host} takes the reports of {owner} is not known: {answer.because}"
        return _finding(dmarc, UNKNOWN, Severity.INFO, because)
    if isinstance(answer, Found) and any(text.replace(" ", "").startswith("v=DMARC1") for text in answer.records):
        return None
    because = f"no receiver sends the reports of {owner} to {host}, which does not say that it takes them"
    return _finding(dmarc, "unwanted", Severity.WARNING, because, f'have published: {name}. TXT "v=DMARC1"')


def _words(policy: Policy) -> str:
    return {Policy.NONE: "delivered", Policy.QUARANTINE: "filed as spam", Policy.REJECT: "rejected"}[policy]


def _finding(dmarc: Dmarc, verdict: str, severity: Severity | None, because: str, advice: str | None = None) -> Finding:
    return Finding(
        domain=dmarc.domain,
        check=Check.DMARC,
        verdict=verdict,
        severity=severity,
        because=because,
        records=_seen(dmarc.walked.stations),
        advice=advice,
    )


def _seen(stations: tuple[Station, ...]) -> tuple[Seen, ...]:
    return tuple(seen for station in stations for seen in seen_in(station.name, TXT, station.answer))
