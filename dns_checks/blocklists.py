"""Whether blocklists (DNSBL, RFC 5782) list an address that mail is sent from.

A list is believed only after it has passed its self-test: one that lists everything, or nothing, says nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from dns_checks.answers import TXT, A, Found, Lookup, Unknown
from dns_checks.findings import UNKNOWN, Check, Finding, Seen, printable, seen_in
from mailover.core.events import Severity

_CODES = ip_network("127.0.0.0/8")
_ERRORS = ip_network("127.255.255.0/24")
_ERROR_WORDS = {
    "127.255.255.252": "the name of the list is mistyped",
    "127.255.255.254": "it does not answer questions that come through a public resolver",
    "127.255.255.255": "it has been asked too often from here",
}
_V4_TESTS = (ip_address("127.0.0.2"), ip_address("127.0.0.1"))
_V6_TESTS = (ip_address("::ffff:127.0.0.2"), ip_address("::ffff:127.0.0.1"))
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklist:
    """One list."""

    zone: str
    name: str
    severity: Severity = Severity.WARNING
    """Of being listed: critical where many receivers refuse by it."""
    lists_ipv6: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    """What the answers mean, where they differ."""
    advice: str | None = None


BLOCKLISTS = (
    Blocklist(
        zone="zen.spamhaus.org",
        name="Spamhaus ZEN",
        severity=Severity.CRITICAL,
        lists_ipv6=True,
        codes={
            "127.0.0.2": "SBL, a source of spam",
            "127.0.0.3": "CSS, a source of low-quality mail",
            "127.0.0.4": "XBL, an infected machine",
            "127.0.0.9": "DROP, a hijacked network",
            "127.0.0.10": "PBL, an address that should not send mail itself",
            "127.0.0.11": "PBL, an address that should not send mail itself",
        },
        advice="ask for removal at https://check.spamhaus.org once the cause is gone",
    ),
    Blocklist(
        zone="b.barracudacentral.org",
        name="Barracuda",
        advice="ask for removal at https://www.barracudacentral.org/rbl/removal-request",
    ),
    Blocklist(
        zone="bl.spamcop.net",
        name="SpamCop",
        advice="it is taken off by itself a day after the last complaint",
    ),
    Blocklist(zone="psbl.surriel.com", name="PSBL", advice="ask for removal at https://psbl.org/remove"),
)


class _State(StrEnum):
    LISTED = "listed"
    CLEAN = "clean"
    UNKNOWN = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a list answers about one address."""

    state: _State
    because: str = ""
    codes: tuple[str, ...] = ()


def name_in(zone: str, address: IPv4Address | IPv6Address) -> str:
    """Where a list keeps the address: octets, or nibbles, in reverse (RFC 5782 sections 2.1 and 2.4)."""
    return f"{address.reverse_pointer.removesuffix('.arpa').rpartition('.')[0]}.{zone}"


async def check_blocklists(
    addresses: Sequence[str], lookup: Lookup, *, lists: Sequence[Blocklist] = BLOCKLISTS
) -> tuple[Finding, ...]:
    """Per address either each list that lists it, or that none does; then the lists that could not be believed.

    Raises ValueError for what is no address.
    """
    parsed = [_unmapped(address) for address in addresses]
    pairs = [(address, each) for address in parsed for each in lists if address.version == 4 or each.lists_ipv6]  # noqa: PLR2004 - IPv4
    tested = list({(each.zone, address.version): (each, address.version) for address, each in pairs}.values())
    faults = await asyncio.gather(*(_fault(each, version, lookup) for each, version in tested))
    broken = {(each.zone, version): fault for (each, version), fault in zip(tested, faults, strict=True) if fault}
    asked = [(address, each) for address, each in pairs if (each.zone, address.version) not in broken]
    said = await asyncio.gather(*(_ask(each.zone, address, lookup) for address, each in asked))
    found: list[Finding] = []
    for address in parsed:
        ours = [(each, answer) for (about, each), answer in zip(asked, said, strict=True) if about == address]
        found += await _about(address, ours, lookup)
    names = {each.zone: each.name for each in lists}
    for (zone, _), fault in broken.items():
        because = f"{names[zone]} ({zone}) was not asked: {fault}"
        found.append(_finding(zone, UNKNOWN, Severity.INFO, because))
    return tuple(found)


async def _about(
    address: IPv4Address | IPv6Address, said: Sequence[tuple[Blocklist, _Said]], lookup: Lookup
) -> list[Finding]:
    listed = [(each, answer) for each, answer in said if answer.state is _State.LISTED]
    clean = [each.name for each, answer in said if answer.state is _State.CLEAN]
    silent = [f"{each.name}: {answer.because}" for each, answer in said if answer.state is _State.UNKNOWN]
    if listed:
        return [await _listing(address, each, answer, lookup) for each, answer in listed]
    if not clean:
        because = f"whether {address} is on a blocklist is not known: {'; '.join(silent) or 'no list could be asked'}"
        return [_finding(str(address), UNKNOWN, Severity.WARNING, because)]
    because = f"{address} is not on {', '.join(clean)}"
    if silent:
        because += f"; not known of {'; '.join(silent)}"
    return [_finding(str(address), _State.CLEAN, None, because)]


async def _listing(address: IPv4Address | IPv6Address, each: Blocklist, said: _Said, lookup: Lookup) -> Finding:
    name = name_in(each.zone, address)
    reason = await lookup.ask(name, TXT)
    meanings = [each.codes.get(code, code) for code in said.codes]
    because = f"{address} is on {each.name} ({'; '.join(dict.fromkeys(meanings))})"
    if isinstance(reason, Found):
        because += f", which says: {printable(reason.records[0], _LONGEST_REASON)}"
    return Finding(
        domain=str(address),
        check=Check.BLOCKLIST,
        verdict=_State.LISTED,
        severity=each.severity,
        because=because,
        records=tuple(Seen(name=name, kind=A.name, value=code) for code in said.codes) + seen_in(name, TXT, reason),
        advice=each.advice,
    )


async def _fault(each: Blocklist, version: int, lookup: Lookup) -> str | None:
    """Why the list cannot be believed; nothing when it passes the self-test of RFC 5782 section 5."""
    always, never = _V4_TESTS if version == 4 else _V6_TESTS  # noqa: PLR2004 - IPv4
    listed, clean = await asyncio.gather(_ask(each.zone, always, lookup), _ask(each.zone, never, lookup))
    unsure = next((said for said in (listed, clean) if said.state is _State.UNKNOWN), None)
    if unsure:
        return unsure.because
    if clean.state is _State.LISTED:
        return "it lists 127.0.0.1, so it lists everything"
    if listed.state is _State.CLEAN:
        return "it does not list its test address 127.0.0.2, so it lists nothing"
    return None


async def _ask(zone: str, address: IPv4Address | IPv6Address, lookup: Lookup) -> _Said:
    answer = await lookup.ask(name_in(zone, address), A)
    if isinstance(answer, Unknown):
        return _Said(state=_State.UNKNOWN, because=answer.because)
    if not isinstance(answer, Found):
        return _Said(state=_State.CLEAN)
    codes = [ip_address(text) for text in answer.records]
    error = next((code for code in codes if code in _ERRORS), None)
    if error:
        meaning = _ERROR_WORDS.get(str(error), "an error")
        return _Said(state=_State.UNKNOWN, because=f"it answers {error}: {meaning}")
    stray = next((code for code in codes if code not in _CODES), None)
    if stray:
        return _Said(state=_State.UNKNOWN, because=f"it answers {stray}, which no blocklist does: a resolver that lies")
    return _Said(state=_State.LISTED, codes=tuple(map(str, codes)))


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _finding(domain: str, verdict: str, severity: Severity | None, because: str) -> Finding:
    return Finding(domain=domain, check=Check.BLOCKLIST, verdict=verdict, severity=severity, because=because)
