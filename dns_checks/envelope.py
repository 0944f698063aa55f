"""Whose domain is in the envelope of a provider's mail: what was seen, what was configured, or what the DNS shows.

SPF is checked on that domain and on no other, so everything about SPF begins here. Coverage itself is elsewhere.
"""

from dataclasses import dataclass
from enum import StrEnum

from dns_checks.answers import MX, TXT, Absent, Found, Lookup, Mx, Unknown
from dns_checks.conventions import EnvelopeOf, ProviderDns, ReturnPath
from dns_checks.findings import Check, Finding, Seen, seen_in
from dns_checks.spf.parsing import is_spf
from mailover.core.events import Severity


class Known(StrEnum):
    """How the envelope's domain is known."""

    SEEN = "seen"
    """In the Return-Path of a message that arrived."""
    CONFIGURED = "configured"
    CONVENTION = "convention"
    """It is the sender's domain, or a return path that is set up as the provider wants it."""
    PROVIDER = "provider"
    """The provider's own domain, since nothing else is set up."""
    WRONG = "wrong"
    """A return path is there, but not as the provider wants it, so it is not used."""
    UNTOLD = "untold"
    """It differs from account to account, and nobody said."""
    SILENT = "silent"
    """The DNS gave no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The envelope's domain, as far as it is known."""

    domain: str | None
    """None where it is unknown, the provider's own, or not usable."""
    known: Known
    because: str
    records: tuple[Seen, ...] = ()
    managed: bool = False
    """Its records are kept by the provider, at the end of an alias."""
    advice: str | None = None


async def find_envelope(domain: str, dns: ProviderDns, lookup: Lookup, *, seen: str | None = None) -> Envelope:
    """The envelope's domain; `seen` is the Return-Path's in the latest message that arrived, which leaves no doubt."""
    told = seen or (dns.return_path and dns.return_path.replace("{d}", domain))
    if told:
        how = Known.SEEN if seen else Known.CONFIGURED
        where = "in the Return-Path of the latest test message" if seen else "in the config"
        return await _told(told.lower().removesuffix("."), domain, dns, lookup, known=how, where=where)
    if dns.envelope is EnvelopeOf.SENDER:
        because = f"the envelope of mail through {dns.provider} has the sender's own domain"
        return Envelope(domain=domain, known=Known.CONVENTION, because=because)
    tried = [(path, await _look_at(path, domain, dns, lookup)) for path in dns.return_paths if path.at(domain)]
    for wanted in (Known.CONVENTION, Known.SILENT, Known.WRONG):
        for path, each in tried:
            # Under a label of free choice there may be something else altogether.
            if each is not None and each.known is wanted and not (path.free and wanted is Known.WRONG):
                return each
    return _nothing_set_up(domain, dns)


def judge_envelope(domain: str, dns: ProviderDns, envelope: Envelope) -> Finding | None:
    """What there is to say of it; nothing where the envelope is simply the sender's domain."""
    if envelope.domain == domain and envelope.known is Known.CONVENTION:
        return None
    severity = {
        Known.PROVIDER: Severity.INFO,
        Known.UNTOLD: Severity.INFO,
        Known.SILENT: Severity.WARNING,
        Known.WRONG: Severity.WARNING,
    }.get(envelope.known)
    verdict = "unknown" if envelope.known in {Known.UNTOLD, Known.SILENT} else envelope.known
    return Finding(
        domain=domain,
        provider=dns.provider,
        check=Check.RETURN_PATH,
        verdict=verdict,
        severity=severity,
        because=envelope.because,
        records=envelope.records,
        advice=envelope.advice,
    )


async def _told(name: str, domain: str, dns: ProviderDns, lookup: Lookup, *, known: Known, where: str) -> Envelope:
    because = f"the envelope of mail through {dns.provider} has {name} ({where})"
    if name == domain:
        return Envelope(domain=name, known=known, because=because)
    answer = await lookup.ask(name, TXT)
    aliases = () if isinstance(answer, Unknown) else answer.aliases
    managed = any(path.leads_to(each, domain) for path in dns.return_paths for each in aliases)
    return Envelope(domain=name, known=known, because=because, records=seen_in(name, TXT, answer), managed=managed)


async def _look_at(path: ReturnPath, domain: str, dns: ProviderDns, lookup: Lookup) -> Envelope | None:
    """What is at a return path's name; None when nothing is."""
    name = path.at(domain) or domain
    answer = await lookup.ask(name, TXT)
    seen = seen_in(name, TXT, answer)
    if isinstance(answer, Unknown):
        because = f"whether {name} is set up as a return path for {dns.provider} is not known: {answer.because}"
        return Envelope(domain=None, known=Known.SILENT, because=because)
    advice = advise_return_path(path, domain)
    if path.kind == "CNAME":
        if not answer.aliases:
            return None
        if any(path.leads_to(each, domain) for each in answer.aliases):
            because = f"{name} is a return path of {dns.provider}"
            return Envelope(domain=name, known=Known.CONVENTION, because=because, records=seen, managed=True)
        because = f"{name} leads to {answer.aliases[0]} and not to {path.target}"
        return Envelope(domain=None, known=Known.WRONG, because=because, records=seen, advice=advice)
    has_spf = isinstance(answer, Found) and any(map(is_spf, answer.records))
    exchangers: tuple[Mx, ...] = ()
    if path.kind == "MX+TXT":
        mx = await lookup.ask(name, MX)
        seen += seen_in(name, MX, mx)
        if isinstance(mx, Unknown):
            because = f"whether {name} is set up as a return path for {dns.provider} is not known: {mx.because}"
            return Envelope(domain=None, known=Known.SILENT, because=because)
        exchangers = mx.records if isinstance(mx, Found) else ()
    fault = _fault(path, name, domain, exchangers, has_spf=has_spf)
    if fault is None:
        because = f"{name} is a return path of {dns.provider}"
        return Envelope(domain=name, known=Known.CONVENTION, because=because, records=seen)
    if isinstance(answer, Absent) and not exchangers:
        return None
    return Envelope(domain=None, known=Known.WRONG, because=fault, records=seen, advice=advice)


def _fault(path: ReturnPath, name: str, domain: str, exchangers: tuple[Mx, ...], *, has_spf: bool) -> str | None:
    """What keeps a return path of a TXT record, perhaps with an MX, from being used."""
    if path.kind == "MX+TXT":
        if len(exchangers) != 1:
            return f"{name} needs exactly one MX and has {len(exchangers) or 'none'}, so the provider does not use it"
        if not path.leads_to(exchangers[0].host, domain):
            return f"the MX of {name} is {exchangers[0].host or '.'} and not {path.target.partition(' / ')[0]}"
    return None if has_spf else f"{name} has no SPF record"


def _nothing_set_up(domain: str, dns: ProviderDns) -> Envelope:
    """No return path was found. Where its label is the account's own choice, that says nothing."""
    advice = next((advise_return_path(path, domain) for path in dns.return_paths), None)
    if dns.envelope is EnvelopeOf.DOMAIN:
        because = f"no return path for {dns.provider} is set up below {domain}, so {domain} itself is taken"
        return Envelope(domain=domain, known=Known.CONVENTION, because=because)
    if any(path.free or path.at(domain) is None for path in dns.return_paths) or dns.envelope is EnvelopeOf.CUSTOM:
        forms = dict.fromkeys(path.host.replace("{d}", domain) for path in dns.return_paths)
        told = " or ".join(forms) or f"below {domain}"
        because = f"the envelope's domain is the account's own choice at {dns.provider} (known form: {told})"
        return Envelope(domain=None, known=Known.UNTOLD, because=because, advice=advice)
    because = f"mail through {dns.provider} has {dns.host} in its envelope, so SPF says nothing for {domain}"
    return Envelope(domain=None, known=Known.PROVIDER, because=because, advice=advice)


def advise_return_path(path: ReturnPath, domain: str) -> str:
    """The records to publish, with the provider's placeholders where the account decides."""
    name = path.host.replace("{d}", domain)
    if path.kind == "CNAME":
        return f"publish: {name}. CNAME {path.target}."
    if path.kind == "TXT":
        return f'publish: {name}. TXT "{path.target}"'
    exchanger, _, text = path.target.partition(" / ")
    if " " not in exchanger:
        exchanger = f"10 {exchanger}"
    return f'publish: {name}. MX {exchanger}. and {name}. TXT "{text}"'
