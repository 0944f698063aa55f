"""What to publish so that a provider may send for a domain: the record to paste, and what it would cost."""

from dataclasses import replace

from dns_checks.answers import Lookup, Unknown
from dns_checks.conventions import ProviderDns
from dns_checks.envelope import advise_return_path
from dns_checks.spf.cost import cost_of, record_at
from dns_checks.spf.evaluation import MOST_LOOKUPS
from dns_checks.spf.hygiene import LONGEST_STRING

_ENDS = ("all", "redirect=")


async def advise_spf(domain: str, dns: ProviderDns, lookup: Lookup) -> str | None:
    """The SPF record at the envelope's domain that would cover the provider; None when nothing certain can be said."""
    if dns.networks:
        added = [f"ip{network.version}:{network}" for network in dns.networks]
    elif dns.includes:
        added = [f"include:{dns.includes[0]}"]
    else:
        return None
    texts = await record_at(domain, lookup)
    if isinstance(texts, Unknown):
        return None
    if len(texts) > 1:
        return f"join the {len(texts)} SPF records of {domain} into one, with {' '.join(added)} in it"
    record = with_terms(texts[0] if texts else "v=spf1 ~all", added)
    there = bool(texts) and all(term in texts[0].lower().split(" ") for term in added)
    more = 0 if dns.networks or there else 1 + (await cost_of(dns.includes[0], lookup)).total
    total = (await cost_of(domain, lookup)).total + more
    over = f", more than the {MOST_LOOKUPS} allowed: use a return path of its own" if total > MOST_LOOKUPS else ""
    costs = f"costs {more} DNS lookup{'s' * (more != 1)} more, {total} of {MOST_LOOKUPS} in all{over}"
    return f"publish: {domain}. TXT {quoted(record)} ({costs})"


def advise_alias(envelope: str, dns: ProviderDns, domain: str) -> str | None:
    """A return path below the domain is an alias where the provider has one: it then keeps the record itself."""
    aliases = (path for path in dns.return_paths if path.kind == "CNAME")
    path = next(aliases, None)
    if path is None or envelope == domain:
        return None
    return advise_return_path(replace(path, host=envelope), domain)


def with_terms(record: str, added: list[str]) -> str:
    """The record with these terms where they are read: once, and before what refuses everything."""
    terms = [term for term in record.split(" ") if term and term.lower().lstrip("+-~?") not in added]
    ends = (place for place, term in enumerate(terms) if term.lower().lstrip("+-~?").startswith(_ENDS))
    place = next(ends, len(terms))
    return " ".join([*terms[:place], *added, *terms[place:]])


def quoted(text: str) -> str:
    """A text as a zone file takes it: strings of at most 255 characters, each in quotes."""
    pieces = [text[at : at + LONGEST_STRING] for at in range(0, len(text), LONGEST_STRING)] or [""]
    return " ".join(f'"{piece}"' for piece in pieces)
