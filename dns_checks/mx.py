"""Whether mail to a domain finds its servers: the expected ones, in order, each with an address, one elsewhere.

Connecting to them is not done here: who can, passes a `Reach`.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise

from dns_checks.answers import AAAA, MX, TXT, A, Answer, Found, Lookup, Mx, Trouble, Unknown
from dns_checks.findings import UNKNOWN, Check, Finding, Seen, seen_in
from dns_checks.networks import stand_apart
from mailover.core.events import Severity

_MOST_REACHED = 20
"""Addresses of one domain that are connected to; more can only be somebody's joke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a mail exchanger answered on port 25."""

    reached: bool
    starttls: bool | None = None
    """None when that was not found out."""
    because: str = ""
    """Why it was not reached, or what is wrong with its TLS."""


Reach = Callable[[str, str], Awaitable[Reached]]
"""Connects to a host (for its name) at an address, within a deadline of its own. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanger:
    """One mail exchanger, looked up."""

    mx: Mx
    addresses: tuple[str, ...]
    alias: str | None
    """Where its name leads, which it must not (RFC 2181 section 10.3)."""
    unknown: Unknown | None
    seen: tuple[Seen, ...]

    @property
    def host(self) -> str:
        """Its name in lower case."""
        return self.mx.host.lower()

    @property
    def literal(self) -> bool:
        """Whether an address stands where a name must."""
        try:
            ip_address(self.mx.host)
        except ValueError:
            return False
        return True


async def check_mx(
    domain: str,
    lookup: Lookup,
    *,
    expected: Sequence[Mx] = (),
    reach: Reach | None = None,
    label: str | None = None,
) -> tuple[Finding, ...]:
    """First whether mail is taken at all; then each thing wrong. One `good` finding when nothing is.

    `expected` are the hosts that must be there, in this order of preference. `label` is the one that is asked for to
    find wildcards, by default one that nobody can have meant.
    """
    domain = domain.lower().removesuffix(".")
    answer = await lookup.ask(domain, MX)
    seen = seen_in(domain, MX, answer)
    if isinstance(answer, Unknown):
        because = f"the mail exchangers of {domain} are not known: {answer.because}"
        return (_finding(domain, UNKNOWN, Severity.WARNING, because, records=seen),)
    if not isinstance(answer, Found):
        return (await _without_mx(domain, expected, lookup),)
    if all(not mx.host for mx in answer.records):
        because = f"{domain} says that it takes no mail (null MX)"
        return (_finding(domain, "null", Severity.CRITICAL, because, records=seen, advice=_publish(domain, expected)),)
    ordered = sorted((mx for mx in answer.records if mx.host), key=lambda mx: mx.preference)
    exchangers, wildcards = await asyncio.gather(
        asyncio.gather(*(_look_up(mx, lookup) for mx in ordered)),
        find_wildcards(domain, lookup, label=label),
    )
    found = [
        *_null_beside(domain, answer.records, seen),
        *_order(domain, exchangers, expected, seen),
        *_hosts(domain, exchangers),
        *_spares(domain, exchangers),
        *wildcards,
    ]
    if reach:
        found += await _reachable(domain, exchangers, reach)
    if not found:
        hosts = ", ".join(f"{mx.preference} {mx.host}" for mx in ordered)
        found = [
            _finding(domain, "good", None, f"mail for {domain} finds {hosts}", records=_all_seen(seen, exchangers))
        ]
    return tuple(found)


async def find_wildcards(domain: str, lookup: Lookup, *, label: str | None = None) -> tuple[Finding, ...]:
    """A finding for each record type that any name below the domain has."""
    name = f"{label or secrets.token_hex(10)}.{domain}"
    mx, txt, address = await asyncio.gather(lookup.ask(name, MX), lookup.ask(name, TXT), lookup.ask(name, A))
    effects: tuple[tuple[str, Answer[Mx] | Answer[str], tuple[Seen, ...], str], ...] = (
        ("MX", mx, seen_in(name, MX, mx), "mail to mistyped names is taken too"),
        ("TXT", txt, seen_in(name, TXT, txt), "a missing DKIM key or policy looks like a broken one"),
        ("A", address, seen_in(name, A, address), "a mistyped mail exchanger seems to have an address"),
    )
    return tuple(
        _finding(
            domain,
            "wildcard",
            Severity.WARNING if kind != "A" else Severity.INFO,
            f"any name below {domain} has {kind} records (a wildcard): {effect}",
            records=seen,
            advice=f"take *.{domain}. {kind} away if nothing needs it",
        )
        for kind, answer, seen, effect in effects
        if isinstance(answer, Found)
    )


async def _without_mx(domain: str, expected: Sequence[Mx], lookup: Lookup) -> Finding:
    a, aaaa = await asyncio.gather(lookup.ask(domain, A), lookup.ask(domain, AAAA))
    advice = _publish(domain, expected)
    if isinstance(a, Found) or isinstance(aaaa, Found):
        seen = seen_in(domain, A, a) + seen_in(domain, AAAA, aaaa)
        because = f"{domain} has no MX, so mail goes to the address of {domain} itself"
        severity = Severity.CRITICAL if expected else Severity.WARNING
        return _finding(domain, "implicit", severity, because, records=seen, advice=advice)
    unknown = next((each for each in (a, aaaa) if isinstance(each, Unknown)), None)
    if unknown:
        because = f"{domain} has no MX, and whether it has an address is not known: {unknown.because}"
        return _finding(domain, "missing", Severity.CRITICAL if expected else Severity.WARNING, because, advice=advice)
    because = f"{domain} has neither MX nor address: no mail reaches it"
    return _finding(domain, "missing", Severity.CRITICAL, because, advice=advice)


async def _look_up(mx: Mx, lookup: Lookup) -> Exchanger:
    host = mx.host.lower()
    a, aaaa = await asyncio.gather(lookup.ask(host, A), lookup.ask(host, AAAA))
    aliases = () if isinstance(a, Unknown) else a.aliases
    return Exchanger(
        mx=mx,
        addresses=tuple(address for answer in (a, aaaa) if isinstance(answer, Found) for address in answer.records),
        alias=aliases[-1] if aliases else None,
        unknown=next((answer for answer in (a, aaaa) if isinstance(answer, Unknown)), None),
        seen=seen_in(host, A, a) + seen_in(host, AAAA, aaaa),
    )


def _null_beside(domain: str, records: Sequence[Mx], seen: tuple[Seen, ...]) -> Iterator[Finding]:
    if any(not mx.host for mx in records):
        because = f"{domain} has a null MX beside others: some senders give up (RFC 7505)"
        yield _finding(
            domain, "null_mixed", Severity.CRITICAL, because, records=seen, advice=f"take {domain}. MX 0 . away"
        )


def _order(
    domain: str, exchangers: Sequence[Exchanger], expected: Sequence[Mx], seen: tuple[Seen, ...]
) -> Iterator[Finding]:
    if not expected:
        return
    advice = _publish(domain, expected)
    there = {exchanger.host: exchanger.mx.preference for exchanger in reversed(exchangers)}
    wanted = [Mx(preference=mx.preference, host=mx.host.lower().removesuffix(".")) for mx in expected]
    for mx in wanted:
        if mx.host not in there:
            because = f"{mx.host} is not among the mail exchangers of {domain}"
            yield _finding(domain, "host_missing", Severity.CRITICAL, because, records=seen, advice=advice)
    present = [mx for mx in wanted if mx.host in there]
    for first, second in pairwise(present):
        tied = first.preference == second.preference
        ahead, behind = there[first.host], there[second.host]
        if (tied and ahead != behind) or (not tied and ahead >= behind):
            should = "be equal to" if tied else "come before"
            because = f"{first.host} ({ahead}) should {should} {second.host} ({behind}) for {domain}"
            yield _finding(domain, "out_of_order", Severity.WARNING, because, records=seen, advice=advice)
    best = min((there[mx.host] for mx in present), default=None)
    for exchanger in exchangers:
        if exchanger.host not in {mx.host for mx in wanted}:
            first_choice = best is None or exchanger.mx.preference <= best
            severity = Severity.WARNING if first_choice else Severity.INFO
            because = f"{exchanger.host} takes mail for {domain} and is not expected"
            yield _finding(domain, "unexpected", severity, because, records=seen)


def _hosts(domain: str, exchangers: Sequence[Exchanger]) -> Iterator[Finding]:
    for exchanger in exchangers:
        host = exchanger.host
        if exchanger.literal:
            because = f"an MX of {domain} is the address {host}, and senders look for a name"
            advice = f"give {host} a name and publish that"
            yield _finding(domain, "address", Severity.CRITICAL, because, records=exchanger.seen, advice=advice)
            continue
        if exchanger.unknown and exchanger.unknown.trouble is Trouble.LOOP:
            because = f"{host}, MX of {domain}, is an alias (CNAME) that never ends"
            advice = f"publish: {host}. A and its address"
            yield _finding(domain, "loop", Severity.CRITICAL, because, records=exchanger.seen, advice=advice)
        elif not exchanger.addresses and exchanger.unknown:
            because = f"the address of {host}, MX of {domain}, is not known: {exchanger.unknown.because}"
            yield _finding(domain, UNKNOWN, Severity.WARNING, because, records=exchanger.seen)
        elif not exchanger.addresses:
            because = f"{host}, MX of {domain}, has no address"
            advice = f"publish: {host}. A and its address"
            yield _finding(domain, "unresolved", Severity.CRITICAL, because, records=exchanger.seen, advice=advice)
        if exchanger.alias:
            because = f"{host}, MX of {domain}, is an alias (CNAME) of {exchanger.alias}: some senders refuse that"
            yield _finding(
                domain, "alias", Severity.WARNING, because, records=exchanger.seen, advice="name the target in the MX"
            )


def _spares(domain: str, exchangers: Sequence[Exchanger]) -> Iterator[Finding]:
    """Whether something is left when the network of the first choice is lost."""
    if any(exchanger.unknown and not exchanger.addresses for exchanger in exchangers):
        return
    best = min(exchanger.mx.preference for exchanger in exchangers)
    first = exchangers[0] if len({each.mx.preference for each in exchangers}) == 1 else None
    ours = [each for each in exchangers if each is first or (first is None and each.mx.preference == best)]
    primary = [address for each in ours for address in each.addresses]
    rest = [address for each in exchangers if each not in ours for address in each.addresses]
    seen = tuple(seen for each in exchangers for seen in each.seen)
    if len(exchangers) == 1:
        if primary and not stand_apart(primary[:1], primary):
            because = f"{domain} has one mail exchanger on one network"
            yield _finding(
                domain, "no_secondary", Severity.WARNING, because, records=seen, advice="add a second MX elsewhere"
            )
    elif primary and rest and not stand_apart(primary, rest):
        because = f"the mail exchangers of {domain} share one network (/24 or /48), and are lost together"
        yield _finding(
            domain, "same_network", Severity.WARNING, because, records=seen, advice="put the secondary elsewhere"
        )


async def _reachable(domain: str, exchangers: Sequence[Exchanger], reach: Reach) -> list[Finding]:
    ends = [(each, address) for each in exchangers for address in each.addresses][:_MOST_REACHED]
    reached = await asyncio.gather(*(reach(each.mx.host, address) for each, address in ends))
    over_ipv6 = {":" in address for (_, address), result in zip(ends, reached, strict=True) if result.reached}
    found: list[Finding] = []
    for (exchanger, address), result in zip(ends, reached, strict=True):
        # Where IPv4 answers and all of IPv6 does not, it is rather we who have no IPv6.
        if result.reached or over_ipv6 != {False} or ":" not in address:
            found += _reached(domain, exchanger, address, result, alone=not over_ipv6)
    return found


def _reached(domain: str, exchanger: Exchanger, address: str, result: Reached, *, alone: bool) -> Iterator[Finding]:
    """What one exchanger showed. `alone`: none of them answered, and then it may be us who cannot get out."""
    place = f"{exchanger.host} [{address}], MX of {domain},"
    seen = exchanger.seen
    if not result.reached:
        because = f"{place} does not answer on port 25: {result.because}"
        advice = "if none answers, look first whether this machine may connect to port 25 at all" if alone else None
        yield _finding(domain, "unreachable", Severity.WARNING, because, records=seen, advice=advice)
    elif result.starttls is False:
        why = f" ({result.because})" if result.because else ""
        because = f"{place} does not take STARTTLS: mail to it travels in the clear{why}"
        yield _finding(domain, "no_starttls", Severity.WARNING, because, records=seen)
    elif result.because:
        because = f"{place} takes STARTTLS, and senders that verify (MTA-STS) would not go on: {result.because}"
        yield _finding(domain, "unverified_tls", Severity.INFO, because, records=seen)


def reach_once(reach: Reach) -> Reach:
    """The same, connecting only once for domains that share an exchanger. For one run."""
    begun: dict[tuple[str, str], asyncio.Task[Reached]] = {}

    async def reach_it(host: str, address: str) -> Reached:
        return await reach(host, address)

    async def once(host: str, address: str) -> Reached:
        key = host.lower(), address
        if key not in begun:
            begun[key] = asyncio.create_task(reach_it(host, address))
        return await begun[key]

    return once


def _publish(domain: str, expected: Sequence[Mx]) -> str | None:
    lines = (f"{domain}. MX {mx.preference} {mx.host.removesuffix('.')}." for mx in expected)
    return f"publish: {'; '.join(lines)}" if expected else None


def _all_seen(seen: tuple[Seen, ...], exchangers: Sequence[Exchanger]) -> tuple[Seen, ...]:
    return seen + tuple(each for exchanger in exchangers for each in exchanger.seen)


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
        check=Check.MX,
        verdict=verdict,
        severity=severity,
        because=because,
        records=records,
        advice=advice,
    )
