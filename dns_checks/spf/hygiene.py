"""What is wrong with a domain's SPF record whoever sends: two of them, too dear, too long, too generous, useless terms.

Whether it authorises a provider is `coverage`'s business.
"""

import asyncio
from collections.abc import Iterator

from dns_checks.answers import TXT, Found, Lookup, Unknown
from dns_checks.catalogue import catalogue, dns_facts
from dns_checks.findings import Check, Finding, Seen, printable, seen_in
from dns_checks.ranges import Family, Ranges
from dns_checks.spf.cost import Cost, cost_of
from dns_checks.spf.evaluation import MOST_LOOKUPS
from dns_checks.spf.macros import MacroString
from dns_checks.spf.parsing import is_spf, parse
from dns_checks.spf.permerror import PermError
from dns_checks.spf.record import All, Directive, Include, Pointer, Record, Verdict
from dns_checks.spf.walk import walk
from mailover.core.events import Severity

LONGEST_STRING = 255
"""Of a TXT record's strings (RFC 1035 section 3.3)."""
_LONGEST_ANSWER = 450
"""Of all TXT records together, so that the answer fits 512 bytes of plain UDP (RFC 7208 section 3.4)."""

_MOST_FOLLOWED = 20
"""Includes that are looked into: twice as many as anybody may have."""


async def check_spf(domain: str, lookup: Lookup, *, wanted: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """The record's verdict, then each fault. Includes named in `wanted` are of use to somebody."""
    answer = await lookup.ask(domain, TXT)
    seen = seen_in(domain, TXT, answer)
    if isinstance(answer, Unknown):
        because = f"the SPF record of {domain} is not known: {answer.because}"
        return (_finding(domain, "unknown", Severity.WARNING, because),)
    texts = [text for text in answer.records if is_spf(text)] if isinstance(answer, Found) else []
    records = tuple(each for each in seen if each.kind == "CNAME" or is_spf(each.value))
    if not texts:
        return (_finding(domain, "missing", Severity.INFO, f"{domain} has no SPF record", records=records),)
    if len(texts) > 1:
        because = f"{domain} has {len(texts)} SPF records, so SPF fails for everybody (permerror)"
        return (
            _finding(domain, "permerror", Severity.CRITICAL, because, records=records, advice="join them into one"),
        )
    try:
        record = parse(texts[0])
    except PermError as exc:
        because = f"the SPF record of {domain} cannot be read (permerror): {exc}"
        return (_finding(domain, "permerror", Severity.CRITICAL, because, records=records),)
    cost = await cost_of(domain, lookup)
    followed = [each for each in record.directives if isinstance(each.mechanism, Include)][:_MOST_FOLLOWED]
    useless = await asyncio.gather(*(_useless(each, domain, lookup, wanted) for each in followed))
    faults = [
        *_dear(domain, cost),
        *_long(domain, texts[0], answer.records if isinstance(answer, Found) else ()),
        *_generous(domain, record),
        *(finding for finding in useless if finding),
    ]
    because = f"the SPF record of {domain} costs {cost.total} DNS lookups of {MOST_LOOKUPS}"
    return (_finding(domain, "ok", None, because, records=records), *faults)


def _dear(domain: str, cost: Cost) -> Iterator[Finding]:
    if cost.total > MOST_LOOKUPS:
        dearest = ", ".join(f"{text} {spent}" for text, spent in sorted(cost.terms, key=lambda each: -each[1])[:3])
        because = (
            f"the SPF record of {domain} costs {cost.total} DNS lookups of {MOST_LOOKUPS}:"
            f" whoever comes late in it fails (permerror); the dearest: {dearest}"
        )
        advice = "take out what is not needed, or move a provider to a return path of its own"
        yield _finding(domain, "over_budget", Severity.WARNING, because, advice=advice)
    elif cost.unknown is not None:
        because = f"the SPF record of {domain} cannot be followed to its end: {cost.unknown}"
        yield _finding(domain, "unknown", Severity.WARNING, because)


def _long(domain: str, text: str, texts: tuple[str, ...]) -> Iterator[Finding]:
    if len(text) > LONGEST_STRING:
        because = f"the SPF record of {domain} has {len(text)} characters; one string holds {LONGEST_STRING}"
        yield _finding(domain, "long", Severity.INFO, because, advice="publish it as several strings of one record")
    together = sum(len(each) for each in texts)
    if together > _LONGEST_ANSWER:
        because = f"the TXT records of {domain} have {together} characters, more than fits 512 bytes of UDP"
        yield _finding(domain, "large", Severity.INFO, because, advice="take out old verification records")


def _generous(domain: str, record: Record) -> Iterator[Finding]:
    for place, directive in enumerate(record.directives):
        match directive.mechanism:
            case All() if directive.verdict is Verdict.PASS:
                because = f"{directive.text} in the SPF record of {domain} lets the whole world send as {domain}"
                yield _finding(domain, "open", Severity.CRITICAL, because, advice="publish ~all or -all instead")
            case Pointer():
                because = (
                    f"{directive.text} in the SPF record of {domain} is slow, and many receivers do not look at it"
                )
                advice = "name the addresses instead (RFC 7208 section 5.5)"
                yield _finding(domain, "ptr", Severity.WARNING, because, advice=advice)
            case _:
                pass
        if isinstance(directive.mechanism, All):
            rest = [each.text for each in record.directives[place + 1 :]]
            if rest:
                because = f"{rest[0]} stands behind {directive.text} in the SPF record of {domain}: nobody reads it"
                yield _finding(domain, "unreached", Severity.WARNING, because, advice=f"put it before {directive.text}")
            return


async def _useless(directive: Directive, domain: str, lookup: Lookup, wanted: frozenset[str]) -> Finding | None:
    """An include that lets nobody pass, or one for a provider whose envelope is never the domain's own."""
    mechanism = directive.mechanism
    if not isinstance(mechanism, Include) or mechanism.domain.letters:
        return None
    target = mechanism.domain.expand_name({}).lower()
    walks = await asyncio.gather(*(walk(target, Ranges.everything(family), lookup) for family in Family))
    spent = 1 + (await cost_of(target, lookup)).total
    costs = f"it costs {spent} DNS lookup{'s' * (spent > 1)}"
    advice = f"take {directive.text} out"
    if any(each.fate(Verdict.TEMPERROR) for each in walks):
        return None
    if any(each.fate(Verdict.NONE) or each.fate(Verdict.PERMERROR) for each in walks):
        because = f"{directive.text} leads to no valid SPF record, so SPF fails for whoever comes after it (permerror)"
        return _finding(domain, "permerror", Severity.CRITICAL, because, advice=advice)
    if not any(each.fate(Verdict.PASS) or each.undecided for each in walks):
        because = f"{directive.text} in the SPF record of {domain} authorises nobody; {costs}"
        return _finding(domain, "useless", Severity.INFO, because, advice=advice)
    elsewhere = _elsewhere(mechanism.domain) if target not in wanted else None
    if elsewhere is None:
        return None
    because = f"mail through {elsewhere} never has {domain} in its envelope, so {directive.text} does nothing; {costs}"
    return _finding(domain, "useless", Severity.INFO, because, advice=advice)


def _elsewhere(include: MacroString) -> str | None:
    """The provider whose record it is, when all that use this record have their envelope elsewhere."""
    users = [entry for entry in catalogue().values() if include.text.lower() in dns_facts(entry.id)["spf_include"]]
    if not users or any(dns_facts(entry.id)["envelope"]["default"] in {"from", "domain"} for entry in users):
        return None
    return " and ".join(entry.name for entry in users)


def _finding(
    domain: str,
    verdict: str,
    severity: Severity | None,
    because: str,
    *,
    records: tuple[Seen, ...] = (),
    advice: str | None = None,
) -> Finding:
    return Finding(
        domain=domain,
        check=Check.SPF,
        verdict=verdict,
        severity=severity,
        because=printable(because),
        records=records,
        advice=advice,
    )
