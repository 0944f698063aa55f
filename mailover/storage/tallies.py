"""Counting what the health log and its roll-ups hold: what the figures are made from. Nothing is judged here.

Whole hours that are rolled up are taken from there, the rest from the log itself.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from mailover.core.events import EventType
from mailover.core.observations import ProbeKind
from mailover.core.scoring import Change, Sample, Spread, step_of
from mailover.storage.rollups import HOUR, REPORT, hour_of, rolled_until
from mailover.storage.store import Tally
from mailover.storage.tables import events, hours, observations

_CHANGES: Mapping[str, tuple[bool | None, bool | None]] = {
    EventType.PROVIDER_OPENED.value: (True, False),
    EventType.PROVIDER_CLOSED.value: (False, True),
    EventType.PROVIDER_DISABLED.value: (True, None),
    EventType.PROVIDER_ENABLED.value: (None, True),
}


@dataclass(slots=True)
class _Count:
    """One provider's tally while it grows."""

    tries: Counter[bool] = field(default_factory=Counter)
    """By whether they were real sends."""
    ok: Counter[bool] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    since: datetime | None = None

    def add(self, kind: str, tries: int, ok: int, first_at: datetime) -> None:
        sends = kind == REPORT
        self.tries[sends] += tries
        self.ok[sends] += ok
        self.since = first_at if self.since is None else min(self.since, first_at)


def tallies(connection: sa.Connection, since: datetime) -> Mapping[str, Tally]:
    """What was counted since then, by provider; one of which nothing was heard is left out."""
    counts: defaultdict[str, _Count] = defaultdict(_Count)
    whole = hour_of(since - timedelta(microseconds=1)) + HOUR
    rolled = rolled_until(connection)
    if rolled is not None and rolled > whole:
        _count_hours(connection, counts, whole, rolled)
        _count_log(connection, counts, sa.and_(observations.c.at >= since, observations.c.at < whole))
        _count_log(connection, counts, observations.c.at >= rolled)
    else:
        _count_log(connection, counts, observations.c.at >= since)
    failovers, changes = _failovers(connection, since), _changes(connection, since)
    return {
        name: Tally(
            provider=name,
            sends=Sample(tries=count.tries[True], ok=count.ok[True]),
            checks=Sample(tries=count.tries[False], ok=count.ok[False]),
            spread=Spread(steps=count.steps, seconds=count.seconds),
            failovers=failovers.get(name, 0),
            changes=changes.get(name, ()),
            watched_since=count.since,
        )
        for name, count in counts.items()
    }


def _count_hours(connection: sa.Connection, counts: Mapping[str, _Count], start: datetime, end: datetime) -> None:
    for row in connection.execute(sa.select(hours).where(hours.c.hour >= start, hours.c.hour < end)):
        count = counts[row.provider]
        count.add(row.kind, row.tries, row.ok, row.hour)
        if row.kind == ProbeKind.PORT.value:
            count.steps.update({int(step): times for step, times in json.loads(row.steps).items()})
            count.seconds += row.seconds


def _count_log(connection: sa.Connection, counts: Mapping[str, _Count], recent: sa.ColumnElement[bool]) -> None:
    o = observations.c
    sample = sa.and_(recent, o.fair, sa.or_(o.scheduled, o.kind == REPORT))
    provider = sa.func.coalesce(o.provider, "")  # by its name SQLite would walk a whole index to group by it
    tries = sa.func.sum(o.count)
    ok = sa.func.sum(sa.case((o.ok, o.count), else_=0))
    grouped = sa.select(provider, o.kind, tries, ok, sa.func.min(o.at)).where(sample).group_by(provider, o.kind)
    for name, kind, tried, good, first_at in connection.execute(grouped):
        counts[name].add(kind, int(tried), int(good), first_at)
    timed = sa.select(o.provider, o.seconds).where(recent, o.scheduled, o.ok, o.kind == ProbeKind.PORT.value)
    for name, seconds in connection.execute(timed):
        counts[name].steps[step_of(seconds)] += 1
        counts[name].seconds += seconds


def _failovers(connection: sa.Connection, since: datetime) -> Mapping[str, int]:
    e = events.c
    moved = sa.and_(e.at >= since, e.type == EventType.FAILOVER_HAPPENED.value)
    grouped = sa.select(e.from_provider, sa.func.count()).where(moved).group_by(e.from_provider)
    return {provider: int(times) for provider, times in connection.execute(grouped)}


def _changes(connection: sa.Connection, since: datetime) -> Mapping[str, Sequence[Change]]:
    e = events.c
    moved = sa.and_(e.at >= since, e.type.in_(_CHANGES))
    found: defaultdict[str, list[Change]] = defaultdict(list)
    for provider, kind, at in connection.execute(sa.select(e.provider, e.type, e.at).where(moved).order_by(e.seq)):
        before, after = _CHANGES[kind]
        found[provider].append(Change(at=at, before=before, after=after))
    return found
