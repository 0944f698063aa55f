"""Whether the authoritative name servers of a domain agree: a change that has reached only some of them, a mute one.

How they are asked is `zone_servers`' business; whether what they say is good for mail is judged elsewhere.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from dns_checks.answers import MX, SOA, TXT, Answer, Kind, Lookup, Trouble, Unknown
from dns_checks.findings import UNKNOWN, Check, Finding, Seen, seen_in
from dns_checks.networks import networks_of
from dns_checks.zone_servers import Asking, Question, ServerView, ZoneView, content, find_zone, look_at_zone
from mailover.core.events import Severity

_MUTE = {Trouble.SILENT, Trouble.UNREACHABLE, Trouble.TCP}
_SERIALS = 2**32
_MOST_SHOWN = 3


async def check_authority(
    domain: str,
    lookup: Lookup,
    asking: Asking,
    *,
    questions: Sequence[tuple[str, Kind[Any]]] = (),
) -> tuple[Finding, ...]:
    """Each thing wrong with the servers of the domain's zone, or that they agree.

    `lookup` is the resolver's view. Compared are the zone's NS and SOA, the domain's MX, SPF and DMARC, and the
    `questions`; what lies outside of the zone (a CNAME into a provider's) is left out, being nobody's to answer.
    """
    domain = domain.lower().removesuffix(".")
    zone = await find_zone(domain, lookup)
    if zone is None:
        because = f"{domain} is in no zone: it does not exist"
        return (_finding(domain, "missing", Severity.CRITICAL, because),)
    own = ((domain, MX), (domain, TXT), (f"_dmarc.{domain}", TXT))
    wanted = [Question(name=name, kind=kind) for name, kind in own]
    wanted += [Question(name=name.lower().removesuffix("."), kind=kind) for name, kind in questions]
    view = zone if isinstance(zone, Unknown) else await look_at_zone(zone, wanted, lookup, asking)
    if isinstance(view, Unknown):
        because = f"the name servers of {domain} are not known: {view.because}"
        return (_finding(domain, UNKNOWN, Severity.WARNING, because),)
    return judge_zone(domain, view)


def judge_zone(domain: str, view: ZoneView) -> tuple[Finding, ...]:
    """What is to be said about a zone that was looked at."""
    heard = [server for server in view.servers if server.serial is not None]
    found = [*_lost(domain, view), *_failing(domain, view.servers, heard)]
    if not heard:
        because = f"no name server of {view.zone} gave an answer"
        found.insert(0, _finding(domain, UNKNOWN, Severity.WARNING, because))
        return tuple(found)
    newest = max(heard, key=lambda server: _age(server, heard[0]))
    found += _delegation(domain, view)
    found += _behind(domain, view, heard, newest)
    found += _disagreeing(domain, view, heard, newest)
    found += _resolver(domain, view, heard)
    found += _few(domain, view)
    if not found:
        because = f"the {len(view.hosts)} name servers of {view.zone} agree (serial {newest.serial})"
        found = [_finding(domain, "good", None, because, records=_serials(view, heard))]
    return tuple(found)


def _age(server: ServerView, reference: ServerView) -> int:
    """How far ahead a serial is of another, which may have wrapped around (RFC 1982)."""
    ahead = ((server.serial or 0) - (reference.serial or 0)) % _SERIALS
    return ahead - _SERIALS if ahead >= _SERIALS // 2 else ahead


def _lost(domain: str, view: ZoneView) -> Iterator[Finding]:
    for host, unknown in view.lost:
        if unknown:
            because = f"the address of {host}, name server of {view.zone}, is not known: {unknown.because}"
            yield _finding(domain, UNKNOWN, Severity.WARNING, because)
        else:
            because = f"{host}, name server of {view.zone}, has no address"
            advice = f"give {host} an address, or take it out of the delegation"
            yield _finding(domain, "unresolved", Severity.WARNING, because, advice=advice)


def _failing(domain: str, servers: Sequence[ServerView], heard: Sequence[ServerView]) -> Iterator[Finding]:
    # Where IPv4 answers and all of IPv6 does not, it is rather we who have no IPv6.
    no_ipv6 = bool(heard) and not any(server.over_ipv6 for server in heard)
    for server in servers:
        soa = server.soa
        if server.serial is not None or (no_ipv6 and server.over_ipv6 and _is_mute(soa)):
            continue
        if _is_mute(soa):
            because = f"{server} does not answer: {soa.because if isinstance(soa, Unknown) else ''}"
            yield _finding(domain, "mute", Severity.WARNING, because, advice=f"start {server.host}, or take it out")
        else:
            why = soa.because if isinstance(soa, Unknown) else "it has no SOA"
            because = f"{server} is a name server of the zone and does not serve it: {why}"
            yield _finding(domain, "lame", Severity.WARNING, because, advice=f"load the zone on {server.host}")


def _is_mute(soa: Answer[Any]) -> bool:
    return isinstance(soa, Unknown) and soa.trouble in _MUTE


def _delegation(domain: str, view: ZoneView) -> Iterator[Finding]:
    """Where the zone above and the zone itself name other servers."""
    if view.delegated is None:
        return
    stale, hidden = sorted(view.delegated - view.named), sorted(view.named - view.delegated)
    if stale:
        because = f"the zone above refers to {', '.join(stale)} too, which {view.zone} does not name"
        advice = f"take {', '.join(stale)} away at the registrar, or add it to the zone"
        yield _finding(domain, "delegation", Severity.WARNING, because, advice=advice)
    if hidden:
        because = f"{', '.join(hidden)} serves {view.zone}, and the zone above does not say so"
        advice = f"add {', '.join(hidden)} at the registrar, or take it out of the zone"
        yield _finding(domain, "delegation", Severity.INFO, because, advice=advice)


def _behind(domain: str, view: ZoneView, heard: Sequence[ServerView], newest: ServerView) -> Iterator[Finding]:
    late = [server for server in heard if server.serial != newest.serial]
    if late:
        current = len(heard) - len(late)
        told = ", ".join(f"{server} has {server.serial}" for server in late[:_MOST_SHOWN])
        because = f"version {newest.serial} of {view.zone} has reached {current} of {len(heard)} name servers: {told}"
        advice = "if this lasts longer than the zone's refresh time, look at the transfers (AXFR, NOTIFY)"
        yield _finding(domain, "behind", Severity.INFO, because, records=_serials(view, heard), advice=advice)


def _disagreeing(domain: str, view: ZoneView, heard: Sequence[ServerView], newest: ServerView) -> Iterator[Finding]:
    for at, question in enumerate(view.questions):
        contents = [(server, content(server.answers[at], question.kind)) for server in heard]
        known = [(server, records) for server, records in contents if records is not None]
        if len({records for _, records in known}) < 2:  # noqa: PLR2004 - two that differ
            continue
        current = content(newest.answers[at], question.kind)
        others = [str(server) for server, records in known if records != current]
        if len({server.serial for server, _ in known}) > 1:
            told = f"a change of {question} has not reached {', '.join(others[:_MOST_SHOWN])}"
        else:
            told = (
                f"for {question} {', '.join(others[:_MOST_SHOWN])} answers otherwise than {newest}, at the same serial"
            )
        seen = tuple(
            Seen(name=f"{each.name} @{server.host}", kind=each.kind, value=each.value)
            for server, _ in known
            for each in seen_in(question.name, question.kind, server.answers[at])
        )
        advice = "until then mail passes or fails by which server was asked"
        yield _finding(domain, "disagree", Severity.WARNING, told, records=seen, advice=advice)


def _resolver(domain: str, view: ZoneView, heard: Sequence[ServerView]) -> Iterator[Finding]:
    """Where the servers agree and the resolver says something else."""
    for question, recursive, *answers in zip(
        view.questions, view.recursive, *(server.answers for server in heard), strict=True
    ):
        said = {content(answer, question.kind) for answer in answers}
        agreed = said.pop() if len(said) == 1 else None
        if agreed is None or not any(_own(answer) for answer in answers):
            continue
        seen = seen_in(question.name, question.kind, recursive)
        if isinstance(recursive, Unknown) and recursive.trouble is Trouble.SERVFAIL:
            because = f"the name servers answer for {question}, and the resolver does not: {recursive.because}"
            advice = "look at the zone's DNSSEC (an expired signature, a wrong DS) and at its delegation"
            yield _finding(domain, "unresolvable", Severity.CRITICAL, because, records=seen, advice=advice)
        elif content(recursive, question.kind) not in {None, agreed}:
            because = f"the resolver still has other records for {question} than the name servers"
            advice = "the old ones are in caches until their time to live is over"
            yield _finding(domain, "cached", Severity.INFO, because, records=seen, advice=advice)


def _own(answer: Answer[Any]) -> bool:
    """Whether the answer is the zone's own: an alias may lead where its servers know nothing."""
    return not isinstance(answer, Unknown) and not answer.aliases


def _few(domain: str, view: ZoneView) -> Iterator[Finding]:
    addresses = [server.address for server in view.servers]
    if len(view.hosts) == 1:
        because = f"{view.zone} has one name server: while it is away nobody finds the domain"
        yield _finding(domain, "single", Severity.WARNING, because, advice="add a second one on another network")
    elif len(addresses) > 1 and len(networks_of(addresses)) == 1:
        because = f"the name servers of {view.zone} share one network (/24 or /48)"
        yield _finding(domain, "same_network", Severity.INFO, because, advice="put one of them elsewhere")


def _serials(view: ZoneView, heard: Sequence[ServerView]) -> tuple[Seen, ...]:
    return tuple(
        Seen(name=f"{each.name} @{server.host}", kind=each.kind, value=each.value)
        for server in heard
        for each in seen_in(view.zone, SOA, server.soa)
    )


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
        check=Check.AUTHORITY,
        verdict=verdict,
        severity=severity,
        because=because,
        records=records,
        advice=advice,
    )
