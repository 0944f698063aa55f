"""Whether a provider's DKIM signatures for a domain will verify: each of its selectors looked up and judged.

Which selectors a provider uses is the catalogue's or the operator's knowledge; how keys are read is `dkim_key`'s.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dns_checks.answers import TXT, Absent, Answer, Found, Lookup, Trouble, Unknown
from dns_checks.dkim_key import KeyRecord, KeyState, read_key
from dns_checks.findings import Check, Finding, Seen, seen_in
from mailover.core.events import Severity

_SELECTOR = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")
_PLACEHOLDER = re.compile(r"\*|<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One name at which a provider's key is."""

    name: str
    """`*` and `<words>` stand for what differs from account to account: then it must be configured."""
    kind: str = "TXT"
    """`CNAME` when the provider keeps the key in its own zone, `TXT` when the key itself is published."""
    target: str = ""
    """Where the CNAME leads; `*` and `<words>` stand for anything, `{d}` for the domain. Empty: not known."""
    verified: bool = True
    """False for a hint: its absence is no ground for an alert."""

    @property
    def known(self) -> bool:
        """Whether it can be asked for."""
        return bool(_SELECTOR.match(self.name))

    def leads_to(self, name: str, domain: str) -> bool:
        """Whether a CNAME to `name` is the provider's."""
        wanted = self.target.replace("{d}", domain).replace("<d-with-dashes>", domain.replace(".", "-"))
        parts = (re.escape(part) for part in _PLACEHOLDER.split(wanted.lower()))
        return not wanted or wanted.endswith("...") or bool(re.fullmatch(".+".join(parts), name.lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """One selector of a domain, looked up."""

    selector: Selector
    name: str
    """Where the key is or should be."""
    state: KeyState
    because: str
    """A sentence that begins with the name."""
    seen: tuple[Seen, ...] = ()
    algorithm: str | None = None
    bits: int | None = None


async def look_up_key(domain: str, selector: Selector, lookup: Lookup) -> DkimKey:
    """The key at one selector, which must be a `known` one."""
    name = f"{selector.name}._domainkey.{domain}"
    answer = await lookup.ask(name, TXT)
    record = _judged(domain, selector, answer)
    return DkimKey(
        selector=selector,
        name=name,
        state=record.state,
        because=f"{name} {record.because}",
        seen=seen_in(name, TXT, answer),
        algorithm=record.algorithm,
        bits=record.bits,
    )


async def look_up_keys(domain: str, selectors: Sequence[Selector], lookup: Lookup) -> tuple[DkimKey, ...]:
    """Every selector that can be asked for, at once."""
    known = (selector for selector in selectors if selector.known)
    return tuple(await asyncio.gather(*(look_up_key(domain, selector, lookup) for selector in known)))


async def check_dkim(
    domain: str, selectors: Sequence[Selector], lookup: Lookup, *, provider: str | None = None
) -> tuple[Finding, ...]:
    """One finding: whether mail that the provider signs for the domain verifies."""
    domain = domain.lower()
    keys = await look_up_keys(domain, selectors, lookup)
    return (judge_keys(domain, selectors, keys, provider=provider),)


def judge_keys(
    domain: str, selectors: Sequence[Selector], keys: Sequence[DkimKey], *, provider: str | None = None
) -> Finding:
    """What a provider's keys come to together: any one that is set up may be the one that signs."""
    published = _published(keys)
    records = tuple(seen for key in keys for seen in key.seen)
    verdict, severity, because, advice = _together(domain, selectors, keys, published)
    if severity is not None and not any(key.selector.verified for key in published or keys):
        severity = Severity.INFO
        because = f"{because} (the selector is a guess)"
    return Finding(
        domain=domain,
        provider=provider,
        check=Check.DKIM,
        verdict=verdict,
        severity=severity,
        because=because,
        records=records,
        advice=advice,
    )


_Judgement = tuple[str, Severity | None, str, str | None]


def _together(
    domain: str, selectors: Sequence[Selector], keys: Sequence[DkimKey], published: Sequence[DkimKey]
) -> _Judgement:
    if not keys:
        told = ", ".join(selector.name for selector in selectors) or "none"
        because = f"which DKIM selector signs for {domain} differs from account to account (known form: {told})"
        return KeyState.UNKNOWN, Severity.INFO, because, "name the selector in the provider's DNS settings"
    usable = [key for key in published if key.state.usable]
    broken = [key for key in published if not key.state.usable and key.state is not KeyState.UNKNOWN]
    unknown = [key for key in keys if key.state is KeyState.UNKNOWN]
    if not usable and unknown:
        return KeyState.UNKNOWN, Severity.WARNING, unknown[0].because, None
    if not usable:
        worst = next(iter(broken), keys[0])
        told = "; ".join(key.because for key in (broken or keys))
        return worst.state, Severity.CRITICAL, told, _advice(worst, domain)
    if broken:
        because = f"{broken[0].because}; {usable[0].because}: mail fails when the provider signs with the first"
        return "partial", Severity.WARNING, because, _advice(broken[0], domain)
    doubtful = next((key for key in usable if key.state is not KeyState.GOOD), None)
    if doubtful:
        return doubtful.state, Severity.WARNING, doubtful.because, _advice(doubtful, domain)
    if unknown:
        return KeyState.GOOD, None, f"{usable[0].because}; {unknown[0].because}", None
    if all(key.algorithm == "ed25519" for key in usable):
        because = f"{usable[0].because}; receivers that know only RSA ignore it"
        return KeyState.GOOD, Severity.INFO, because, "publish an RSA key beside it"
    return KeyState.GOOD, None, "; ".join(key.because for key in usable), None


def _published(keys: Sequence[DkimKey]) -> list[DkimKey]:
    """The keys that somebody set up, with their missing twins.

    Catalogues list alternatives: the key itself, or CNAMEs to it. Of the way that was not taken nothing is expected.
    """
    taken = {key.selector.kind for key in keys if key.state not in {KeyState.MISSING, KeyState.UNKNOWN}}
    return [key for key in keys if key.selector.kind in taken]


def _judged(domain: str, selector: Selector, answer: Answer[str]) -> KeyRecord:
    match answer:
        case Unknown(trouble=Trouble.LOOP):
            return KeyRecord(state=KeyState.MISSING, because="is an alias (CNAME) that never ends")
        case Unknown(because=because):
            return KeyRecord(state=KeyState.UNKNOWN, because=f"is not known: {because}")
        case Absent(aliases=[*_, last]):
            return KeyRecord(state=KeyState.MISSING, because=f"leads to {last}, where there is no key")
        case Absent():
            return KeyRecord(state=KeyState.MISSING, because="is not in the DNS")
        case Found(records=[text], aliases=aliases):
            key = read_key(text)
            if key.state is KeyState.GOOD and aliases and not any(selector.leads_to(to, domain) for to in aliases):
                because = f"leads to {aliases[0]} and not to {selector.target}; what is there {key.because}"
                return KeyRecord(state=KeyState.MISPLACED, because=because, algorithm=key.algorithm, bits=key.bits)
            return key
        case Found(records=records):
            because = f"has {len(records)} records, and receivers may read any of them"
            return KeyRecord(state=KeyState.DUPLICATE, because=because)


_ADVICE = {
    KeyState.WEAK: "let the provider make a key of 2048 bits and publish that",
    KeyState.TESTING: "take t=y out of the record",
    KeyState.REVOKED: "publish the provider's present key, or have it sign with another selector",
    KeyState.TOO_SHORT: "let the provider make a key of 2048 bits and publish that",
    KeyState.RESTRICTED: "publish the key as the provider gives it, without s= and h=",
    KeyState.MALFORMED: "publish the record again as the provider gives it, in pieces of at most 255 characters",
    KeyState.DUPLICATE: "leave only the provider's present key",
}


def _advice(key: DkimKey, domain: str) -> str:
    target = key.selector.target.replace("{d}", domain).replace("<d-with-dashes>", domain.replace(".", "-"))
    if key.state not in {KeyState.MISSING, KeyState.MISPLACED}:
        return _ADVICE[key.state]
    if key.selector.kind == "CNAME" and target and not _PLACEHOLDER.search(target):
        return f"publish: {key.name}. CNAME {target}."
    return f"publish the {key.selector.kind} record that the provider shows for {key.name}"
