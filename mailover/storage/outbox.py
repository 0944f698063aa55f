"""The durable outbox: which event goes to which endpoint, in order, leased to one worker at a time.

When to try again and when to give up is the dispatcher's business; `relay` has a queue of its own for mail.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from mailover.core.events import Event
from mailover.errors import StorageError
from mailover.storage.codec import loads
from mailover.storage.store import Backlog, Delivery
from mailover.storage.tables import events, outbox

PENDING, DELIVERED, BURIED = "pending", "delivered", "buried"
_FURTHEST = timedelta(hours=1)
"""No retry and no lease lies further ahead: an instant that does was written under a wrong clock, and is due."""
_ERROR_LIMIT = 300


def put(connection: sa.Connection, event: Event, endpoints: Iterable[str]) -> None:
    """One row per endpoint, due at once."""
    rows = [
        {"endpoint": endpoint, "event_id": event.id, "state": PENDING, "attempts": 0}
        for endpoint in dict.fromkeys(endpoints)
    ]
    if rows:
        connection.execute(sa.insert(outbox), rows)


def lease_due(
    connection: sa.Connection, endpoints: Collection[str] | None, *, now: datetime, limit: int, lease: timedelta
) -> tuple[Delivery, ...]:
    """Lease the oldest pending row of each endpoint (None: of all), where it is due and nobody else has it."""
    heads = sa.select(sa.func.min(outbox.c.seq)).where(outbox.c.state == PENDING).group_by(outbox.c.endpoint)
    if endpoints is not None:
        heads = heads.where(outbox.c.endpoint.in_(endpoints))
    free = (
        sa.select(outbox.c.seq)
        .where(
            outbox.c.seq.in_(heads),
            outbox.c.state == PENDING,
            _reached(outbox.c.due_at, now),
            _reached(outbox.c.locked_until, now),
        )
        .order_by(outbox.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(free).scalars().all()
    if not taken:
        return ()
    connection.execute(sa.update(outbox).where(outbox.c.seq.in_(taken)).values(locked_until=now + lease))
    rows = connection.execute(
        sa.select(outbox, events.c.body)
        .join(events, events.c.id == outbox.c.event_id)
        .where(outbox.c.seq.in_(taken))
        .order_by(outbox.c.seq)
    )
    deliveries: list[Delivery] = []
    for row in rows.all():
        try:
            event = loads(Event, row.body)
        except StorageError as error:  # it would stop its endpoint for ever
            settle(connection, row.seq, state=BURIED, attempts=row.attempts + 1, last_error=plain(str(error)))
            continue
        deliveries.append(
            Delivery(
                seq=row.seq,
                endpoint=row.endpoint,
                event=event,
                attempts=row.attempts,
                last_error=row.last_error,
                replayed_at=row.replayed_at,
            )
        )
    return tuple(deliveries)


def next_due(connection: sa.Connection, endpoint: str) -> datetime | None:
    """When the oldest pending row is due or free again; the event's own instant when it is due at once."""
    row = connection.execute(
        sa.select(outbox.c.due_at, outbox.c.locked_until, events.c.at)
        .join(events, events.c.id == outbox.c.event_id)
        .where(outbox.c.endpoint == endpoint, outbox.c.state == PENDING)
        .order_by(outbox.c.seq)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    due: datetime = max((instant for instant in (row.due_at, row.locked_until) if instant is not None), default=row.at)
    return due


def backlogs(connection: sa.Connection) -> tuple[Backlog, ...]:
    """What every endpoint still waits for."""
    waiting = sa.func.sum(sa.case((outbox.c.state == PENDING, 1), else_=0))
    buried = sa.func.sum(sa.case((outbox.c.state == BURIED, 1), else_=0))
    oldest = sa.func.min(sa.case((outbox.c.state == PENDING, outbox.c.seq)))
    counted = sa.select(outbox.c.endpoint, waiting, buried, oldest).group_by(outbox.c.endpoint).subquery()
    endpoint, pending, given_up, first = counted.c
    found = connection.execute(
        sa.select(endpoint, pending, given_up, events.c.at)
        .outerjoin(outbox, outbox.c.seq == first)
        .outerjoin(events, events.c.id == outbox.c.event_id)
        .order_by(endpoint)
    )
    return tuple(
        Backlog(endpoint=name, pending=int(some), buried=int(lost), oldest_at=at) for name, some, lost, at in found
    )


def settle(connection: sa.Connection, seq: int, **values: object) -> None:
    """End a lease. A row that somebody else has settled meanwhile stays as it is."""
    mine = sa.and_(outbox.c.seq == seq, outbox.c.state == PENDING)
    connection.execute(sa.update(outbox).where(mine).values(locked_until=None, **values))


def _reached(instant: sa.Column[datetime], now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(instant.is_(None), instant <= now, instant > now + _FURTHEST)


def plain(text: str) -> str:
    """Printable and short: a peer's words may be neither."""
    return "".join(c if c.isprintable() else " " for c in text)[:_ERROR_LIMIT]
