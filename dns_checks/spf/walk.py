"""An SPF record applied to whole ranges of addresses at once, in its order and within its limits (RFC 7208).

It agrees with `check_host` on every address; where more than address and domain decides, it says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from dns_checks.answers import AAAA, MX, TXT, A, Absent, Answer, Found, Kind, Lookup, R, Unknown
from dns_checks.ranges import Family, Ranges
from dns_checks.spf.evaluation import MOST_LOOKUPS, MOST_VOIDS
from dns_checks.spf.identity import is_askable, is_mail_domain
from dns_checks.spf.macros import MacroString
from dns_checks.spf.parsing import is_spf, parse
from dns_checks.spf.permerror import PermError
from dns_checks.spf.record import (
    Address,
    All,
    Directive,
    Exchangers,
    Exists,
    Include,
    Mechanism,
    Network,
    Pointer,
    Record,
    Verdict,
)
from dns_checks.spf.worlds import Outcome, Spent, Worlds, join, some

_MOST_EXCHANGERS = 10
_MOST_GROUPS = 500
"""What lies behind so many terms stays undecided: a record made to take long must not."""
_SAME_FOR_ALL = frozenset("dov")
"""The macros that mean the same for every sender and address of a family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A term of the domain's own record, and the addresses that it decided."""

    term: str
    verdict: Verdict
    ranges: Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a record says of a set of addresses."""

    fates: Mapping[Verdict, Ranges]
    """Only those verdicts that some address gets."""
    undecided: Ranges
    """Addresses for which it hangs on the sender, on the HELO or on an address's name."""
    matches: tuple[Match, ...]
    """In the order of the record."""
    used: int
    """The most lookups that were spent until an address passed."""
    reasons: Mapping[Verdict, str]
    """What led to an error, with the domains that lead there."""

    def fate(self, verdict: Verdict) -> Ranges:
        """The addresses that get this verdict."""
        return self.fates.get(verdict, Ranges(family=self.undecided.family))


async def walk(domain: str, region: Ranges, lookup: Lookup, *, heedless: bool = False) -> Walked:
    """What the domain's record says of the addresses of `region`.

    `heedless`: as if its own terms that refuse were not there, to see what later terms would let pass.
    """
    walking = _Walk(domain, region.family, lookup, heedless=heedless)
    await walking.record(domain, {Spent(): region} if region else {}, walking.top)
    top = walking.top
    return Walked(
        fates={verdict: walking.union(worlds) for verdict, worlds in top.decided.items() if worlds},
        undecided=walking.union(top.undecided),
        matches=tuple(walking.matches),
        used=max((spent.lookups for spent in top.decided.get(Verdict.PASS, {})), default=0),
        reasons=walking.reasons,
    )


class _Walk:
    """One walk through one domain's record, and through those that it includes."""

    def __init__(self, domain: str, family: Family, lookup: Lookup, *, heedless: bool) -> None:
        self._domain = domain
        self._family = family
        self._kind: Kind[str] = A if family is Family.V4 else AAAA
        self._lookup = lookup
        self._heedless = heedless
        self._path: list[str] = []
        self.top = Outcome(own=True)
        self.matches: list[Match] = []
        self.reasons: dict[Verdict, str] = {}

    def union(self, worlds: Worlds) -> Ranges:
        """All addresses, whatever they have cost."""
        whole = Ranges(family=self._family)
        for ranges in worlds.values():
            whole |= ranges
        return whole

    async def record(self, domain: str, worlds: Worlds, out: Outcome) -> None:
        """Send addresses through one domain's record."""
        self._path.append(domain)
        try:
            record = await self._read(domain)
        except PermError as exc:
            self._end(Verdict.PERMERROR, worlds, out, str(exc))
        else:
            if isinstance(record, Unknown):
                self._end(Verdict.TEMPERROR, worlds, out, record.because)
            elif record is None:
                out.decide(Verdict.NONE, worlds)
            else:
                await self._terms(record, domain, worlds, out)
        self._path.pop()

    async def _read(self, domain: str) -> Record | Unknown | None:
        if not is_mail_domain(domain):
            return None
        answer = await self._lookup.ask(domain, TXT)
        if isinstance(answer, Unknown):
            return answer
        texts = [text for text in answer.records if is_spf(text)] if isinstance(answer, Found) else []
        if len(texts) > 1:
            raise PermError("it has more than one SPF record")
        return parse(texts[0]) if texts else None

    async def _terms(self, record: Record, domain: str, worlds: Worlds, out: Outcome) -> None:
        for number, group in enumerate(_grouped(record.directives)):
            directive = group[0]
            if number >= _MOST_GROUPS:
                join(out.undecided, worlds)
                return
            if directive.asks:
                worlds = self._spend_lookup(directive.text, worlds, out)
            if not worlds:
                return
            matched, rest = await self._split(group, domain, worlds, out)
            if out.own and self._heedless and directive.verdict is not Verdict.PASS:
                join(rest, matched)
                matched = {}
            if out.own and matched:
                ranges = self.union(matched)
                self.matches.append(Match(term=directive.text, verdict=directive.verdict, ranges=ranges))
            out.decide(directive.verdict, matched)
            worlds = rest
        await self._otherwise(record, domain, worlds, out)

    async def _otherwise(self, record: Record, domain: str, worlds: Worlds, out: Outcome) -> None:
        if record.redirect is None:
            out.decide(Verdict.NEUTRAL, worlds)
            return
        worlds = self._spend_lookup(f"redirect={record.redirect.text}", worlds, out)
        target = self._name(record.redirect, domain)
        if target is None:
            join(out.undecided, worlds)
            return
        if not worlds:
            return
        there = Outcome(own=out.own)
        await self.record(target, worlds, there)
        missing = there.decided.pop(Verdict.NONE, {})
        self._end(Verdict.PERMERROR, missing, out, f"it redirects to {target}, which has no SPF record")
        for verdict, decided in there.decided.items():
            out.decide(verdict, decided)
        join(out.undecided, there.undecided)

    async def _split(
        self, group: Sequence[Directive], domain: str, worlds: Worlds, out: Outcome
    ) -> tuple[Worlds, Worlds]:
        """The addresses that match, and those that do not; errors and doubts go to `out`."""
        mechanism = group[0].mechanism
        match mechanism:
            case All():
                return worlds, {}
            case Network():
                networks = (each.mechanism.network for each in group if isinstance(each.mechanism, Network))
                return self._within(Ranges.of(self._family, networks), worlds)
            case Pointer():
                target = None
            case Include(domain=spec) | Exists(domain=spec) | Address(domain=spec) | Exchangers(domain=spec):
                target = self._name(spec, domain)
        if target is None:
            join(out.undecided, worlds)
            return {}, {}
        match mechanism:
            case Include():
                return await self._included(target, worlds, out)
            case Exists():
                found, worlds = await self._ask(target, A, worlds, out)
                return (worlds, {}) if found else ({}, worlds)
            case Exchangers():
                return await self._exchangers(target, mechanism, worlds, out)
            case _:
                return await self._addresses(target, mechanism, worlds, out)

    async def _included(self, target: str, worlds: Worlds, out: Outcome) -> tuple[Worlds, Worlds]:
        there = Outcome()
        await self.record(target, worlds, there)
        rest: Worlds = {}
        for verdict in (Verdict.FAIL, Verdict.SOFTFAIL, Verdict.NEUTRAL):
            join(rest, there.decided.get(verdict, {}))
        for verdict in (Verdict.PERMERROR, Verdict.TEMPERROR):
            out.decide(verdict, there.decided.get(verdict, {}))
        missing = there.decided.get(Verdict.NONE, {})
        self._end(Verdict.PERMERROR, missing, out, f"it includes {target}, which has no SPF record")
        join(out.undecided, there.undecided)
        return there.decided.get(Verdict.PASS, {}), rest

    async def _addresses(self, name: str, lengths: Mechanism, worlds: Worlds, out: Outcome) -> tuple[Worlds, Worlds]:
        found, worlds = await self._ask(name, self._kind, worlds, out)
        bits = self._family.bits
        if isinstance(lengths, Address | Exchangers):
            bits = lengths.bits4 if self._family is Family.V4 else lengths.bits6
        networks = [ip_network((address, bits), strict=False) for address in found]
        return self._within(Ranges.of(self._family, networks), worlds)

    async def _exchangers(self, name: str, lengths: Exchangers, worlds: Worlds, out: Outcome) -> tuple[Worlds, Worlds]:
        exchangers, worlds = await self._ask(name, MX, worlds, out)
        if len(exchangers) > _MOST_EXCHANGERS:
            because = f"{name} has {len(exchangers)} mail exchangers; no more than 10 may be looked at"
            self._end(Verdict.PERMERROR, worlds, out, because)
            return {}, {}
        matched: Worlds = {}
        for exchanger in sorted(exchangers, key=lambda each: each.preference):
            if exchanger.host and worlds:
                more, worlds = await self._addresses(exchanger.host, lengths, worlds, out)
                join(matched, more)
        return matched, worlds

    async def _ask(self, name: str, kind: Kind[R], worlds: Worlds, out: Outcome) -> tuple[tuple[R, ...], Worlds]:
        """The records, and the addresses whose evaluation goes on."""
        if not is_askable(name):
            return (), worlds
        answer: Answer[R] = await self._lookup.ask(name, kind)
        if isinstance(answer, Unknown):
            self._end(Verdict.TEMPERROR, worlds, out, answer.because)
            return (), {}
        if isinstance(answer, Absent):
            return (), self._spend_void(f"{name} has no {kind.name} record", worlds, out)
        return answer.records, worlds

    def _spend_lookup(self, term: str, worlds: Worlds, out: Outcome) -> Worlds:
        paid = {replace(spent, lookups=spent.lookups + 1): ranges for spent, ranges in worlds.items()}
        over = {spent: ranges for spent, ranges in paid.items() if spent.lookups > MOST_LOOKUPS}
        because = f"{term} would be the eleventh DNS lookup; ten are allowed"
        self._end(Verdict.PERMERROR, over, out, because)
        return {spent: ranges for spent, ranges in paid.items() if spent not in over}

    def _spend_void(self, text: str, worlds: Worlds, out: Outcome) -> Worlds:
        paid = {replace(spent, voids=spent.voids + 1): ranges for spent, ranges in worlds.items()}
        over = {spent: ranges for spent, ranges in paid.items() if spent.voids > MOST_VOIDS}
        because = f"{text}; two lookups that find nothing are allowed, this is the third"
        self._end(Verdict.PERMERROR, over, out, because)
        return {spent: ranges for spent, ranges in paid.items() if spent not in over}

    def _end(self, verdict: Verdict, worlds: Worlds, out: Outcome, because: str) -> None:
        if worlds:
            self.reasons.setdefault(verdict, f"{' > '.join(self._path)}: {because}")
            out.decide(verdict, worlds)

    def _within(self, ranges: Ranges, worlds: Worlds) -> tuple[Worlds, Worlds]:
        if not ranges:
            return {}, worlds
        inside = {spent: each & ranges for spent, each in worlds.items()}
        outside = {spent: each - ranges for spent, each in worlds.items()}
        return some(inside), some(outside)

    def _name(self, spec: MacroString | None, domain: str) -> str | None:
        """None when it is not the same for everybody."""
        if spec is None:
            return domain
        if spec.letters - _SAME_FOR_ALL:
            return None
        version = "in-addr" if self._family is Family.V4 else "ip6"
        return spec.expand_name({"d": domain, "o": self._domain, "v": version})


def _grouped(directives: Sequence[Directive]) -> Iterator[list[Directive]]:
    """Terms that can be looked at together: neighbours that are ranges of one verdict; others alone."""
    group: list[Directive] = []
    for directive in directives:
        is_range = isinstance(directive.mechanism, Network)
        if group and is_range and isinstance(group[0].mechanism, Network) and group[0].verdict is directive.verdict:
            group.append(directive)
            continue
        if group:
            yield group
        group = [directive]
    if group:
        yield group
