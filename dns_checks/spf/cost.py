"""What an SPF record costs in DNS lookups when nothing matches: in all, and by each of its terms (RFC 7208 4.6.4).

How far an evaluation gets for one address is `walk`'s business.
"""

from dataclasses import dataclass

from dns_checks.answers import TXT, Found, Lookup, Unknown
from dns_checks.spf.macros import MacroString
from dns_checks.spf.parsing import is_spf, parse
from dns_checks.spf.permerror import PermError
from dns_checks.spf.record import All, Include, Record

_ENOUGH = 60
"""Nobody needs to know by how much a record this dear is too dear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one record costs."""

    total: int
    terms: tuple[tuple[str, int], ...] = ()
    """Those of its terms that ask the DNS, each with all that it leads to."""
    unknown: str | None = None
    """Why the total may be higher: what was not answered or cannot be read."""


async def cost_of(domain: str, lookup: Lookup) -> Cost:
    """The cost of the domain's record; 0 when it has none."""
    return await _cost(domain, lookup, (), _ENOUGH)


async def record_at(domain: str, lookup: Lookup) -> tuple[str, ...] | Unknown:
    """The texts of the domain's SPF records: none, one, or too many."""
    answer = await lookup.ask(domain, TXT)
    if isinstance(answer, Unknown):
        return answer
    return tuple(filter(is_spf, answer.records)) if isinstance(answer, Found) else ()


async def _cost(domain: str, lookup: Lookup, path: tuple[str, ...], left: int) -> Cost:
    texts = await record_at(domain, lookup)
    if isinstance(texts, Unknown):
        return Cost(total=0, unknown=texts.because)
    if len(texts) != 1 or domain.lower() in path:
        return Cost(total=0)
    try:
        record = parse(texts[0])
    except PermError as exc:
        return Cost(total=0, unknown=f"{domain}: {exc}")
    total, unknown = 0, None
    terms = []
    for text, target in _asking(record):
        spent = 1
        if target is not None and total < left:
            name = target.expand_name({"d": domain, "o": (*path, domain)[0]}) if target.letters <= {"d", "o"} else ""
            inner = await _cost(name, lookup, (*path, domain.lower()), left - total) if name else Cost(total=0)
            spent += inner.total
            unknown = unknown or inner.unknown
        terms.append((text, spent))
        total += spent
    return Cost(total=total, terms=tuple(terms), unknown=unknown)


def _asking(record: Record) -> list[tuple[str, MacroString | None]]:
    """The terms that count, each with the record it leads to; nothing behind `all` is ever reached."""
    found: list[tuple[str, MacroString | None]] = []
    for directive in record.directives:
        if isinstance(directive.mechanism, All):
            return found
        if directive.asks:
            leads_to = directive.mechanism.domain if isinstance(directive.mechanism, Include) else None
            found.append((directive.text, leads_to))
    if record.redirect is not None:
        found.append((f"redirect={record.redirect.text}", record.redirect))
    return found
