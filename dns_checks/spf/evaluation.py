"""`check_host()` of RFC 7208: one address, one sender, one verdict, within the limits of section 4.6.4.

The DNS is asked through a `Lookup`; what nobody could answer is `temperror`, never "missing".
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from dns_checks.answers import AAAA, MX, TXT, A, Absent, Answer, Found, Kind, Lookup, R, Unknown
from dns_checks.spf.identity import Identity, is_askable, is_mail_domain
from dns_checks.spf.macros import MacroString, read_explanation
from dns_checks.spf.parsing import is_spf, parse
from dns_checks.spf.permerror import PermError
from dns_checks.spf.pointers import Pointers
from dns_checks.spf.record import (
    Address,
    All,
    Exchangers,
    Exists,
    Include,
    Mechanism,
    Network,
    Pointer,
    Record,
    Verdict,
)

MOST_LOOKUPS = 10
MOST_VOIDS = 2
_MOST_EXCHANGERS = 10
_LONGEST_EXPLANATION = 4096
_V4 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One term as it was evaluated."""

    depth: int
    """0 in the sender's own record, 1 in a record that it includes or redirects to, and so on."""
    domain: str
    term: str
    outcome: str
    """"no match", or the verdict that its match means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What SPF says of one sender from one address."""

    result: Verdict
    because: str
    """One sentence for people."""
    explanation: str = ""
    """What the domain's owner says to those it fails (`exp=`), printable ASCII; empty when it says nothing."""
    trace: tuple[Step, ...] = ()
    lookups: int = 0
    """Terms that asked the DNS, at most 10."""
    voids: int = 0
    """Lookups that found nothing, at most 2."""


async def check_host(
    ip: str | IPv4Address | IPv6Address,
    sender: str,
    helo: str,
    lookup: Lookup,
    *,
    domain: str | None = None,
    receiver: str = "unknown",
    within: float = 20.0,
    now: Callable[[], float] = time.time,
) -> Result:
    """Whether `domain` (by default the sender's, or `helo` for an empty sender) lets `ip` send, in `within` seconds.

    `receiver` and `now` are for the macros `r` and `t`. Raises ValueError when `ip` is no address.
    """
    address = ip if isinstance(ip, IPv4Address | IPv6Address) else ip_address(ip)
    who = Identity.of(address, sender, helo, receiver=receiver, now=now())
    check = _Check(who, lookup)
    deadline = asyncio.get_running_loop().time() + within
    try:
        async with asyncio.timeout_at(deadline):
            ending = await check.evaluate(domain or who.domain)
    except TimeoutError:
        ending = _Ending(Verdict.TEMPERROR, f"the DNS took longer than {within:g} s")
    except PermError as exc:
        ending = _Ending(Verdict.PERMERROR, f"{check.where}: {exc}")
    except _TempError as exc:
        ending = _Ending(Verdict.TEMPERROR, f"{check.where}: {exc}")
    explanation = ""
    if ending.verdict is Verdict.FAIL and ending.explanation is not None:
        try:
            async with asyncio.timeout_at(deadline):
                explanation = await check.explain(ending.explanation, ending.domain)
        except TimeoutError:
            pass
    return Result(
        result=ending.verdict,
        because=ending.because,
        explanation=explanation,
        trace=tuple(check.trace),
        lookups=min(check.lookups, MOST_LOOKUPS),
        voids=min(check.voids, MOST_VOIDS),
    )


class _TempError(Exception):
    """Nobody could answer a question that the verdict hangs on."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How one record's evaluation ended."""

    verdict: Verdict
    because: str
    explanation: MacroString | None = None
    domain: str = ""


class _Check:
    """One evaluation, with what it has spent so far."""

    def __init__(self, who: Identity, lookup: Lookup) -> None:
        self._who = who
        self._lookup = lookup
        self._family: Kind[str] = A if who.address.version == _V4 else AAAA
        self._pointers = Pointers(who.address, lookup)
        self._path: list[str] = []
        self.trace: list[Step] = []
        self.lookups = 0
        self.voids = 0

    @property
    def where(self) -> str:
        """The domains that lead to the record under evaluation."""
        return " > ".join(self._path)

    async def evaluate(self, domain: str) -> _Ending:
        """One domain's record. Raises PermError and _TempError, and leaves the path at the record to blame."""
        self._path.append(domain)
        record = await self._record(domain)
        if record is None:
            ending = _Ending(Verdict.NONE, f"{domain} has no SPF record")
        else:
            ending = await self._first_match(record, domain) or await self._otherwise(record, domain)
        self._path.pop()
        return ending

    async def _record(self, domain: str) -> Record | None:
        """Sections 4.3 to 4.6. A domain that cannot be one has no record."""
        if not is_mail_domain(domain):
            return None
        answer = await self._lookup.ask(domain, TXT)
        if isinstance(answer, Unknown):
            raise _TempError(answer.because)
        texts = [text for text in answer.records if is_spf(text)] if isinstance(answer, Found) else []
        if len(texts) > 1:
            raise PermError("it has more than one SPF record")
        return parse(texts[0]) if texts else None

    async def _first_match(self, record: Record, domain: str) -> _Ending | None:
        for directive in record.directives:
            if directive.asks:
                self._spend_lookup(directive.text)
            depth, matched = len(self._path) - 1, await self._matches(directive.mechanism, domain)
            outcome = directive.verdict if matched else "no match"
            self.trace.append(Step(depth=depth, domain=domain, term=directive.text, outcome=outcome))
            if matched:
                because = f"{directive.text} in the record of {domain} matches {self._who.address}"
                return _Ending(directive.verdict, because, record.explanation, domain)
        return None

    async def _otherwise(self, record: Record, domain: str) -> _Ending:
        """No term matched: the redirect's verdict (section 6.1), or neutral."""
        if record.redirect is None:
            return _Ending(Verdict.NEUTRAL, f"no term in the record of {domain} matches {self._who.address}")
        self._spend_lookup(f"redirect={record.redirect.text}")
        target = await self._name(record.redirect, domain)
        ending = await self.evaluate(target)
        if ending.verdict is Verdict.NONE:
            raise PermError(f"it redirects to {target}, which has no SPF record")
        return ending

    async def _matches(self, mechanism: Mechanism, domain: str) -> bool:
        match mechanism:
            case All():
                return True
            case Network(network=network):
                return self._who.address in network
            case Include(domain=spec):
                return await self._included(await self._name(spec, domain))
            case Address(domain=spec):
                return await self._has_address(await self._name(spec, domain), mechanism)
            case Exchangers(domain=spec):
                return await self._has_exchanger(await self._name(spec, domain), mechanism)
            case Exists(domain=spec):
                return bool(await self._ask(await self._name(spec, domain), A))
            case Pointer(domain=spec):
                return await self._points_into(await self._name(spec, domain))

    async def _included(self, target: str) -> bool:
        """Section 5.2: only a pass matches, and a missing record is the including one's mistake."""
        ending = await self.evaluate(target)
        if ending.verdict is Verdict.NONE:
            raise PermError(f"it includes {target}, which has no SPF record")
        return ending.verdict is Verdict.PASS

    async def _has_address(self, name: str, lengths: Address | Exchangers) -> bool:
        bits = lengths.bits4 if self._who.address.version == _V4 else lengths.bits6
        found = await self._ask(name, self._family)
        return any(self._who.address in ip_network((address, bits), strict=False) for address in found)

    async def _has_exchanger(self, name: str, lengths: Exchangers) -> bool:
        exchangers = await self._ask(name, MX)
        if len(exchangers) > _MOST_EXCHANGERS:
            raise PermError(f"{name} has {len(exchangers)} mail exchangers; no more than 10 may be looked at")
        for exchanger in sorted(exchangers, key=lambda each: each.preference):
            if exchanger.host and await self._has_address(exchanger.host, lengths):
                return True
        return False

    async def _points_into(self, target: str) -> bool:
        """Section 5.5: an error is no match, since the name belongs to whoever has the address."""
        if isinstance(await self._pointers.answer(), Absent):
            self._spend_void("the address has no name")
        target = target.lower()
        return any(f".{name}".endswith(f".{target}") for name in await self._pointers.validated())

    async def _ask(self, name: str, kind: Kind[R]) -> tuple[R, ...]:
        """The records, none for a name that cannot be asked for. Raises _TempError, PermError by the limit of voids."""
        if not is_askable(name):
            return ()
        answer: Answer[R] = await self._lookup.ask(name, kind)
        if isinstance(answer, Unknown):
            raise _TempError(answer.because)
        if isinstance(answer, Absent):
            self._spend_void(f"{name} has no {kind.name} record")
            return ()
        return answer.records

    def _spend_lookup(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise PermError(f"{term} would be the eleventh DNS lookup; ten are allowed")

    def _spend_void(self, text: str) -> None:
        self.voids += 1
        if self.voids > MOST_VOIDS:
            raise PermError(f"{text}; two lookups that find nothing are allowed, this is the third")

    async def _name(self, spec: MacroString | None, domain: str) -> str:
        return domain if spec is None else spec.expand_name(await self._values(spec, domain))

    async def _values(self, text: MacroString, domain: str) -> Mapping[str, str]:
        validated = {"p": await self._pointers.best(domain)} if "p" in text.letters else {}
        return {**self._who.values, "d": domain, **validated}

    async def explain(self, spec: MacroString, domain: str) -> str:
        """Section 6.2: the owner's words, nothing when there is any doubt about them."""
        name = await self._name(spec, domain)
        answer = await self._lookup.ask(name, TXT) if is_askable(name) else None
        if not isinstance(answer, Found) or len(answer.records) != 1:
            return ""
        try:
            text = read_explanation(answer.records[0])
        except PermError:
            return ""
        said = text.expand(await self._values(text, domain))
        return said[:_LONGEST_EXPLANATION] if said.isascii() and said.isprintable() else ""
