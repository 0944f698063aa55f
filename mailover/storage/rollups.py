"""What is kept for how long: hours of the health log rolled up to a row per provider and kind, old rows forgotten.

In small steps, each within the caller's transaction and each leaving things so that the next run may repeat it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from mailover.core.scoring import step_of
from mailover.storage.database import upsert
from mailover.storage.store import Retention
from mailover.storage.tables import events, hours, incidents, notes, observations, outbox, subscriptions

HOUR = timedelta(hours=1)
REPORT = "report"
"""What the health log calls the kind of an observation that no probe made."""
_SETTLED = timedelta(minutes=70)
"""A report may be an hour old: an hour that ended longer ago gets no more rows."""
_ASTRAY = timedelta(days=1)
"""Whatever lies this far ahead was written under a wrong clock."""
_BATCH = 2000
"""Rows that one step forgets: it holds the writer's place for milliseconds, and a wrong clock cannot empty a log."""
_NOTE = "rolled_up_until"

_FOR_NOBODY = sa.and_(
    outbox.c.state == "pending",
    outbox.c.endpoint.startswith("webhook/sub_", autoescape=True),
    outbox.c.endpoint.not_in(sa.select(sa.literal("webhook/").concat(subscriptions.c.id))),
)
"""Written for a subscription in the very moment in which it ended, or by another agent that had not yet heard of it."""


@dataclass(slots=True)
class _Bundle:
    """One provider and kind within one hour."""

    tries: int = 0
    ok: int = 0
    seconds: float = 0.0
    steps: Counter[int] = field(default_factory=Counter)


def hour_of(instant: datetime) -> datetime:
    """The start of its hour."""
    return instant.replace(minute=0, second=0, microsecond=0)


def rolled_until(connection: sa.Connection, *, to_change: bool = False) -> datetime | None:
    """The end of the last hour that is rolled up, None before the first; `to_change` keeps others from it."""
    query = sa.select(notes.c.body).where(notes.c.key == _NOTE)
    body = connection.execute(query.with_for_update() if to_change else query).scalar_one_or_none()
    return None if body is None else datetime.fromisoformat(json.loads(body))


def tidy(connection: sa.Connection, now: datetime, keep: Retention) -> bool:
    """One step: an hour rolled up, or, when there is none, a batch forgotten. False when nothing is left to do."""
    hour = _next_hour(connection, now)
    if hour is not None:
        _roll_up(connection, hour)
        return True
    return _forget(connection, now, keep)


def _next_hour(connection: sa.Connection, now: datetime) -> datetime | None:
    """The first hour that is over, has rows, and is not rolled up."""
    limit = hour_of(now - _SETTLED)
    rolled = rolled_until(connection, to_change=True)
    if rolled is not None and rolled > limit + _ASTRAY:
        rolled = _first_whole_hour(connection)
    query = sa.select(sa.func.min(observations.c.at))
    oldest = connection.execute(query if rolled is None else query.where(observations.c.at >= rolled)).scalar_one()
    hour = None if oldest is None else hour_of(oldest)
    return hour if hour is not None and hour + HOUR <= limit else None


def _first_whole_hour(connection: sa.Connection) -> datetime | None:
    """Where to begin anew: of the oldest hour rows may have been forgotten."""
    oldest = connection.execute(sa.select(sa.func.min(observations.c.at))).scalar_one()
    return None if oldest is None else hour_of(oldest) + HOUR


def _roll_up(connection: sa.Connection, hour: datetime) -> None:
    o = observations.c
    bundles: defaultdict[tuple[str, str], _Bundle] = defaultdict(_Bundle)
    within = sa.and_(o.at >= hour, o.at < hour + HOUR, o.fair, sa.or_(o.scheduled, o.kind == REPORT))
    for provider, kind, ok, count, seconds in connection.execute(
        sa.select(o.provider, o.kind, o.ok, o.count, o.seconds).where(within)
    ):
        bundle = bundles[provider, kind]
        bundle.tries += count
        if ok:
            bundle.ok += count
        if ok and kind != REPORT:
            bundle.seconds += seconds
            bundle.steps[step_of(seconds)] += 1
    for (provider, kind), bundle in bundles.items():
        steps = json.dumps(bundle.steps, separators=(",", ":"))
        counted = {"tries": bundle.tries, "ok": bundle.ok, "seconds": round(bundle.seconds, 6), "steps": steps}
        upsert(connection, hours, {"provider": provider, "kind": kind, "hour": hour, **counted})
    upsert(connection, notes, {"key": _NOTE, "body": json.dumps((hour + HOUR).isoformat())})


def _forget(connection: sa.Connection, now: datetime, keep: Retention) -> bool:
    """Old rows, a batch of each log. What is on its way to an endpoint that exists stays, and so do open incidents."""
    pending = sa.select(outbox.c.event_id).where(outbox.c.state == "pending")
    history = now - keep.history
    logs = [
        (observations, sa.or_(observations.c.at < _cut(connection, now, keep), observations.c.at > now + _ASTRAY)),
        (events, sa.and_(events.c.at < history, events.c.id.not_in(pending))),
        (incidents, incidents.c.closed_at < history),
    ]
    connection.execute(sa.delete(outbox).where(_FOR_NOBODY))
    full = [_forget_batch(connection, table, old) for table, old in logs]
    connection.execute(sa.delete(hours).where(sa.or_(hours.c.hour < history, hours.c.hour > now + _ASTRAY)))
    return any(full)


def _forget_batch(connection: sa.Connection, table: sa.Table, old: sa.ColumnElement[bool]) -> bool:
    """Whether there may be more of them."""
    oldest: Sequence[int] = connection.execute(sa.select(table.c.seq).where(old).limit(_BATCH)).scalars().all()
    if oldest:
        connection.execute(sa.delete(table).where(table.c.seq.in_(oldest)))
    return len(oldest) == _BATCH


def _cut(connection: sa.Connection, now: datetime, keep: Retention) -> datetime:
    """Before which instant observations are forgotten: whole hours only, and none that is not rolled up."""
    o = observations.c
    cut = hour_of(now - keep.observations)
    newest = connection.execute(sa.select(sa.func.max(o.seq))).scalar_one() or 0
    beyond = sa.select(o.at).where(o.seq <= newest - keep.most_observations).order_by(o.seq.desc()).limit(1)
    crowded = connection.execute(beyond).scalar_one_or_none()
    if crowded is not None:
        cut = max(cut, hour_of(crowded))
    return min(cut, rolled_until(connection) or cut - keep.history)
