"""The regular look at the DNS: run the checks, have a bad verdict confirmed, tell the service what came of it.

What a record means is `dns_checks`' knowledge, what a verdict changes is the core's.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from dns_checks.alignment import Passes
from dns_checks.answers import Answer, Found, Kind, Lookup, R, Unknown
from dns_checks.conventions import ProviderDns
from dns_checks.findings import UNKNOWN, Check, Finding, written
from dns_checks.lookup import DnsLookup
from dns_checks.remembered import Remembered
from dns_checks.report import Also, Cell, Report, check_all
from dns_checks.servers import Server
from mailover.core.events import Severity
from mailover.core.observations import DnsVerdict
from mailover.errors import NotFoundError, StorageError
from mailover.service import Service

_log = logging.getLogger("mailover.dns")

_SOONEST = timedelta(minutes=5)
_JITTER = 0.1
_RUN_SECONDS = 600.0
"""Longer than a run lasts: within one nothing is asked twice."""
_TRIPS = 100


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What one look saw at names of one's own."""

    records: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    ttl: float = math.inf
    """The shortest time, in seconds, until something of it may be told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsWatched:
    """What to look at, and how often."""

    domains: tuple[str, ...]
    providers: tuple[ProviderDns, ...]
    senders: Mapping[str, str]
    """The From domain of each provider, by which `require_dns` goes."""
    also: Also = Also()  # noqa: RUF009 - frozen
    interval: timedelta = timedelta(hours=1)
    """Between two looks, while all is well; see `DnsWatch.pause`."""
    servers: tuple[Server, ...] = ()
    """None: the system's."""
    authorities: bool = False
    """Whether every authoritative name server is asked."""


class DnsWatch:
    """Looks when it is told to. Lives in the agent's event loop."""

    def __init__(self, watched: DnsWatched, service: Service) -> None:
        """Nothing is asked yet."""
        asking = (lambda address: DnsLookup([Server(address)], recursive=False)) if watched.authorities else None
        self._watched = watched
        self._also = replace(watched.also, asking=asking)
        self._service = service
        self._before: dict[tuple[str, str], Passes] = {}
        self._busy = asyncio.Lock()
        self.pause = watched.interval
        """Until the next look: the interval, or when something is bad the shortest time to live, for it may be mended
        by then. Not below five minutes, unless the interval is."""

    async def watch(self, *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look again and again until cancelled; a look that fails is logged. `wait` is given seconds."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - whatever it was, the next look may fare better
                _log.exception("the DNS checks failed")
            await wait(self.pause.total_seconds() * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - spreads load

    async def look(self, domains: Sequence[str] = ()) -> Mapping[str, object]:
        """Check all that is watched, or only these domains; the service hears of it. Raises NotFoundError."""
        strange = [domain for domain in domains if domain not in self._watched.domains]
        if strange:
            raise NotFoundError(f"{strange[0]!r} is not among the watched domains ([dns] domains)")
        async with self._busy:
            seen = await asyncio.to_thread(self._return_paths)
            notes = _Notes()
            report = await self._run(tuple(domains) or self._watched.domains, seen, notes)
            doubtful = {cell.domain for cell in report.cells if self._turned(cell)}
            if doubtful:  # a resolver may lie for a moment: what turned bad is asked anew before it counts
                again = await self._run(tuple(sorted(doubtful)), seen, notes)
                report = _merged(report, again)
            self._before |= {(cell.domain, cell.provider): cell.verdict for cell in report.cells}
            return await self._tell(report, notes, whole=not domains)

    async def _run(self, domains: tuple[str, ...], seen: Mapping[tuple[str, str], str], notes: _Notes) -> Report:
        asking = Remembered(DnsLookup(self._watched.servers or None), at_least=_RUN_SECONDS)
        lookup = _Noted(asking, domains, notes)
        return await check_all(domains, self._watched.providers, lookup, also=self._also, seen=seen)

    def _turned(self, cell: Cell) -> bool:
        key = (cell.domain, cell.provider)
        return cell.verdict is Passes.NONE and self._before.get(key) is not Passes.NONE

    async def _tell(self, report: Report, notes: _Notes, *, whole: bool) -> Mapping[str, object]:
        at = self._service.clock.now()
        verdicts = [self._verdict(cell) for cell in report.cells]
        verdicts += [self._own(domain, findings) for domain, findings in report.findings.items()]
        self._service.hear(*verdicts)
        body = report.body()
        if whole:
            self.pause = self._pause_after(verdicts, notes.ttl)
            await asyncio.to_thread(self._service.dns.publish, body, notes.records, at)
        return body

    def _pause_after(self, verdicts: Sequence[DnsVerdict], ttl: float) -> timedelta:
        interval = self._watched.interval
        if ttl == math.inf or not any(each.verdict == Passes.NONE or each.silent for each in verdicts):
            return interval
        return min(interval, max(_SOONEST, timedelta(seconds=ttl)))

    def _verdict(self, cell: Cell) -> DnsVerdict:
        return DnsVerdict(
            provider=cell.provider,
            verdict=str(cell.verdict),
            at=self._service.clock.now(),
            domain=cell.domain,
            because=cell.because,
            silent=cell.silent,
            decides=self._watched.senders.get(cell.provider) == cell.domain,
        )

    def _own(self, domain: str, findings: Sequence[Finding]) -> DnsVerdict:
        """The domain's own DNS; to have no DMARC policy is worth saying, and no trouble of today."""
        bad = [each for each in findings if each.severity is Severity.CRITICAL]
        bad = [each for each in bad if (each.check, each.verdict) != (Check.DMARC, "missing")]
        unknown = [each for each in findings if each.verdict == UNKNOWN and each.severity is Severity.WARNING]
        told = [*bad, *unknown]
        return DnsVerdict(
            provider="",
            verdict="none" if bad else "unknown" if unknown else "both",
            at=self._service.clock.now(),
            domain=domain,
            because=told[0].because if told else f"the DNS of {domain} is as it should be",
            silent=bool(unknown) and not bad,
        )

    def _return_paths(self) -> Mapping[tuple[str, str], str]:
        """Whose domain was in the Return-Path of each provider's latest test message that arrived."""
        try:
            page = self._service.store.observations(kind="round_trip", newest_first=True, limit=_TRIPS)
        except StorageError:
            return {}
        found: dict[tuple[str, str], str] = {}
        for observation in page.items:
            path = str(observation.facts.get("return_path") or "").strip("<>").rpartition("@")[2].lower()
            sender = self._watched.senders.get(observation.provider)
            if path and sender:
                found.setdefault((sender, observation.provider), path)
        return found


class _Noted:
    """A lookup that notes what is at the names of one's own."""

    def __init__(self, lookup: Lookup, domains: Sequence[str], notes: _Notes) -> None:
        self._lookup = lookup
        self._domains = domains
        self._notes = notes

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        """See `Lookup.ask`."""
        answer = await self._lookup.ask(name, kind)
        name = name.removesuffix(".").lower()
        if not isinstance(answer, Unknown) and any(f".{name}".endswith(f".{domain}") for domain in self._domains):
            records = answer.records if isinstance(answer, Found) else ()
            aliases = tuple(f"CNAME {alias}" for alias in answer.aliases[:1])
            self._notes.ttl = min(self._notes.ttl, answer.ttl)
            self._notes.records[name, kind.name] = aliases or tuple(written(record) for record in records)
        return answer


def _merged(report: Report, again: Report) -> Report:
    """The later run's word on what it looked at."""
    later = {(cell.domain, cell.provider): cell for cell in again.cells}
    cells = tuple(later.get((cell.domain, cell.provider), cell) for cell in report.cells)
    return replace(report, cells=cells, findings={**report.findings, **again.findings})
