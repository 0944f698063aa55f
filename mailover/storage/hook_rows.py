"""Subscriptions and the delivery log on SQLAlchemy Core. The outbox's own statements are in `outbox`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mailover.core.events import Event, EventType
from mailover.secrets import Secret
from mailover.storage import logs, outbox
from mailover.storage.codec import dumps, loads
from mailover.storage.database import Database, storable, upsert
from mailover.storage.hooks import Sending, Settlement, Silenced, Subscription, Terms
from mailover.storage.store import Delivery, Page
from mailover.storage.tables import events, silenced, subscriptions
from mailover.storage.tables import outbox as rows

_MOVES = (EventType.FAILOVER_HAPPENED, EventType.FAILBACK_HAPPENED)


class HookRows:
    """The `HookStore` of the house."""

    def __init__(self, database: Database) -> None:
        """The schema must be up to date."""
        self._database = database

    # -- subscriptions --------------------------------------------------------------------------------------------

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The oldest first."""
        order = (subscriptions.c.created_at, subscriptions.c.id)
        with self._database.reading() as connection:
            return tuple(_subscription(row) for row in connection.execute(sa.select(subscriptions).order_by(*order)))

    def subscribe(self, wanted: Subscription, *, keep_old_until: datetime | None) -> tuple[Subscription, bool]:
        """Keep it, or change the one with the same key."""
        with self._database.writing() as connection:
            row = connection.execute(
                sa.select(subscriptions).where(subscriptions.c.key == wanted.key).with_for_update()
            ).one_or_none()
            known = None if row is None else _subscription(row)
            kept = wanted if known is None else _changed(known, wanted, keep_old_until)
            upsert(connection, subscriptions, _values(kept))
        return kept, known is None

    def unsubscribe(self, subscription_id: str, endpoint: str) -> bool:
        """Forget it with everything that waits for it."""
        with self._database.writing() as connection:
            return _forget(connection, subscription_id, endpoint)

    def drop_expired(self, now: datetime, endpoints: Mapping[str, str]) -> int:
        """Forget those for which nothing waits."""
        dropped = 0
        with self._database.writing() as connection:
            for found in map(_subscription, connection.execute(sa.select(subscriptions)).all()):
                ends, endpoint = found.terms.expires_at, endpoints.get(found.id)
                if ends is not None and ends <= now and endpoint is not None and not _waits(connection, endpoint):
                    dropped += _forget(connection, found.id, endpoint)
        return dropped

    # -- switched off ---------------------------------------------------------------------------------------------

    def silenced(self) -> Mapping[str, Silenced]:
        """Every endpoint that is switched off."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(silenced))
            return {row.endpoint: Silenced(at=row.at, because=row.because) for row in found}

    def unsilence(self, endpoint: str) -> bool:
        """Switch it on again."""
        with self._database.writing() as connection:
            _hasten(connection, endpoint)
            return connection.execute(sa.delete(silenced).where(silenced.c.endpoint == endpoint)).rowcount == 1

    # -- deliveries -----------------------------------------------------------------------------------------------

    def due(self, endpoints: Collection[str], *, now: datetime, limit: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Lease what may be tried now."""
        with self._database.writing() as connection:
            return outbox.lease_due(connection, endpoints, now=now, limit=limit, lease=lease)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """What became of attempts."""
        with self._database.writing() as connection:
            for each in settlements:
                _settle(connection, each)

    def release(self, seqs: Sequence[int]) -> None:
        """Give leased rows back untried."""
        with self._database.writing() as connection:
            connection.execute(sa.update(rows).where(rows.c.seq.in_(seqs)).values(locked_until=None))

    def newer_move(self, delivery: Delivery) -> str | None:
        """A later move of the same stream that waits for the same endpoint."""
        stream = delivery.event.data.get("stream")
        if delivery.event.type not in _MOVES or not isinstance(stream, str):
            return None
        newer = (
            sa.select(events.c.id)
            .join(rows, rows.c.event_id == events.c.id)
            .where(
                rows.c.endpoint == delivery.endpoint,
                rows.c.state == outbox.PENDING,
                rows.c.seq > delivery.seq,
                events.c.type.in_(_MOVES),
                events.c.stream == stream,
            )
            .order_by(rows.c.seq.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            found: str | None = connection.execute(newer).scalar_one_or_none()
            return found

    def enqueue(self, event: Event, endpoint: str) -> None:
        """Record an event and send it to this endpoint alone."""
        with self._database.writing() as connection:
            logs.append_events(connection, [event])
            outbox.put(connection, event, (endpoint,))
            _hasten(connection, endpoint)

    def replay(self, endpoint: str, event_id: str | None, now: datetime) -> int:
        """Let one event, or all that were given up, be sent anew."""
        if event_id is not None and not storable(event_id):
            return 0
        anew = {"state": outbox.PENDING, "attempts": 0, "due_at": None, "locked_until": None, "replayed_at": now}
        mine = rows.c.endpoint == endpoint
        which = (
            sa.and_(mine, rows.c.state == outbox.BURIED)
            if event_id is None
            else sa.and_(mine, rows.c.event_id == event_id)
        )
        with self._database.writing() as connection:
            _hasten(connection, endpoint)
            count = connection.execute(sa.update(rows).where(which).values(**anew)).rowcount
            if count == 0 and event_id is not None:
                event = logs.one_event(connection, event_id)
                if event is not None:
                    outbox.put(connection, event, (endpoint,))
                    connection.execute(sa.update(rows).where(which).values(replayed_at=now))
                    count = 1
            return count

    def sendings(self, endpoint: str, *, after: int | None = None, limit: int = 100) -> Page[Sending]:
        """An endpoint's delivery log, newest first."""
        wanted = [rows.c.endpoint == endpoint, *([] if after is None else [rows.c.seq < after])]
        query = (
            sa.select(rows, events.c.type, events.c.at)
            .join(events, events.c.id == rows.c.event_id)
            .where(*wanted)
            .order_by(rows.c.seq.desc())
            .limit(limit + 1)
        )
        with self._database.reading() as connection:
            found = [_sending(row) for row in connection.execute(query)]
        more = len(found) > limit
        return Page(items=tuple(found[:limit]), next=str(found[limit - 1].seq) if more else None)


def _changed(known: Subscription, wanted: Subscription, keep_old_until: datetime | None) -> Subscription:
    """The known one on the new terms; a new secret moves the one before it to the side."""
    rotates = keep_old_until is not None and wanted.secret != known.secret
    return Subscription(
        id=known.id,
        key=known.key,
        terms=wanted.terms,
        secret=wanted.secret if rotates else known.secret,
        old_secret=known.secret if rotates else known.old_secret,
        old_secret_until=keep_old_until if rotates else known.old_secret_until,
        created_at=known.created_at,
    )


def _values(kept: Subscription) -> dict[str, Any]:
    return {
        "id": kept.id,
        "key": kept.key,
        "secret": kept.secret.reveal(),
        "old_secret": kept.old_secret.reveal() if kept.old_secret is not None else None,
        "old_secret_until": kept.old_secret_until,
        "created_at": kept.created_at,
        "body": dumps(kept.terms),
    }


def _subscription(row: sa.Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        key=row.key,
        terms=loads(Terms, row.body),
        secret=Secret(row.secret),
        old_secret=None if row.old_secret is None else Secret(row.old_secret),
        old_secret_until=row.old_secret_until,
        created_at=row.created_at,
    )


def _settle(connection: sa.Connection, each: Settlement) -> None:
    tried: dict[str, Any] = {"tried_at": each.at, "status": each.status}
    if each.error is None:
        outbox.settle(connection, each.seq, state=outbox.DELIVERED, last_error=None, **tried)
        if each.ends is not None:
            _forget(connection, each.ends, each.endpoint)
        return
    tried |= {"attempts": rows.c.attempts + 1, "last_error": outbox.plain(each.error)}
    if each.silence is not None:
        outbox.settle(connection, each.seq, due_at=None, **tried)
        upsert(connection, silenced, {"endpoint": each.endpoint, "at": each.at, "because": each.silence})
    elif each.due_at is None:
        outbox.settle(connection, each.seq, state=outbox.BURIED, **tried)
    else:
        outbox.settle(connection, each.seq, due_at=each.due_at, **tried)


def _forget(connection: sa.Connection, subscription_id: str, endpoint: str) -> bool:
    gone = connection.execute(sa.delete(subscriptions).where(subscriptions.c.id == subscription_id)).rowcount == 1
    if gone:
        connection.execute(sa.delete(rows).where(rows.c.endpoint == endpoint))
        connection.execute(sa.delete(silenced).where(silenced.c.endpoint == endpoint))
    return gone


def _hasten(connection: sa.Connection, endpoint: str) -> None:
    mine = sa.and_(rows.c.endpoint == endpoint, rows.c.state == outbox.PENDING)
    connection.execute(sa.update(rows).where(mine).values(due_at=None))


def _waits(connection: sa.Connection, endpoint: str) -> bool:
    """Whether something will still be sent to it: not where it is switched off."""
    off = sa.exists().where(silenced.c.endpoint == endpoint)
    waiting = sa.select(rows.c.seq).where(rows.c.state == outbox.PENDING, rows.c.endpoint == endpoint, ~off).limit(1)
    return connection.execute(waiting).first() is not None


def _sending(row: sa.Row[Any]) -> Sending:
    return Sending(
        seq=row.seq,
        event=row.event_id,
        type=row.type,
        happened_at=row.at,
        state=row.state,
        attempts=row.attempts,
        status=row.status,
        tried_at=row.tried_at,
        due_at=row.due_at,
        last_error=row.last_error,
    )
