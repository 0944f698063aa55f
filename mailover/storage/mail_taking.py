"""Leases: which mail may be sent now and by whom, when there is more, what comes back. In the caller's transaction."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Leased
from mailover.errors import StorageError
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_setting_aside import KEY, set_aside
from mailover.storage.mail_settling import Known
from mailover.storage.mail_states import HELD, READY, is_held, is_ready, is_waiting, mail_of
from mailover.storage.sealing import Seal
from mailover.storage.tables import mail_contents, mail_streams, mails

_FURTHEST_DUE = timedelta(days=8)
"""No retry and no sending window lies further ahead: one that does was written under a wrong clock, and is due."""
_FURTHEST_LEASE = timedelta(hours=1)
_STEP = 1000
"""Mails that one call makes ready: 10^6 that are due at once keep nobody from writing."""
_FREE = {"state": READY, "due_at": None, "waiting_for": None}
_UNHELD = {"state": READY, "holder": None, "held_until": None}


def lease(
    connection: sa.Connection,
    seal: Seal,
    *,
    holder: str,
    now: datetime,
    until: datetime,
    limit: int,
    most_bytes: int,
    without: Collection[str],
) -> tuple[tuple[Leased, ...], list[Known]]:
    """Take what may be tried now and nobody holds."""
    _wake(connection, now)
    chosen = _chosen(connection, limit, most_bytes, without)
    if not chosen:
        return (), []
    counts = Counts()
    leased: list[Leased] = []
    known: list[Known] = []
    for row in connection.execute(_WHOLE, {"numbers": chosen}).all():
        try:
            leased.append(_opened(row, seal))
            known.append(Known(row.seq, row.stream, HELD, row.size, row.fates, leased[-1].mail, row.body))
        except StorageError as error:
            set_aside(connection, row, error, counts, now)
    _move(connection, [each.seq for each in known], state=HELD, holder=holder, held_until=until)
    counts.write(connection)
    return tuple(leased), known


def next_due(connection: sa.Connection, now: datetime, without: Collection[str]) -> datetime | None:
    """When there is something to lease."""
    for name in _open_streams(connection, without):
        if connection.execute(_HEAD, {"name": name, "most": 1}).first() is not None:
            return now
    instants: list[datetime] = []
    for (first, last), furthest in (
        (connection.execute(_DUE).one(), _FURTHEST_DUE),
        (connection.execute(_LEASES_END).one(), _FURTHEST_LEASE),
    ):
        if first is not None:
            instants.append(now if last > now + furthest else first)
    return min(instants, default=None)


def renew(connection: sa.Connection, ids: Collection[str], *, holder: str, until: datetime) -> frozenset[str]:
    """Hold them longer."""
    mine = sa.select(mails.c.id, mails.c.seq).where(is_held, mails.c.holder == holder, mails.c.id.in_(ids))
    found = connection.execute(mine.order_by(mails.c.seq).with_for_update()).all()
    _move(connection, [row.seq for row in found], held_until=until)
    return frozenset(row.id for row in found)


def release(connection: sa.Connection, *, holder: str) -> None:
    """Give everything back."""
    mine = sa.select(mails.c.seq).where(is_held, mails.c.holder == holder)
    _move(connection, connection.execute(mine.order_by(mails.c.seq).with_for_update()).scalars().all(), **_UNHELD)


def inherit(connection: sa.Connection) -> int:
    """End every lease: whoever held one is not there any more."""
    ended = sa.update(mails).where(is_held).values(**_UNHELD, handovers=mails.c.handovers + 1)
    return connection.execute(ended).rowcount


def hasten(connection: sa.Connection, names: Iterable[str], limit: int) -> int:
    """Make due what waits for one of these."""
    count = 0
    for name in dict.fromkeys(names):
        if count < limit:
            found = connection.execute(_WAITING_FOR, {"name": name, "most": limit - count}).scalars().all()
            _move(connection, found, **_FREE)
            count += len(found)
    return count


def await_keys(connection: sa.Connection, seal: Seal) -> None:
    """Make due what waits for a key that is known now."""
    hasten(connection, [f"{KEY}{key}" for key in seal.keys], _STEP)


def _wake(connection: sa.Connection, now: datetime) -> None:
    """Make ready what is due, and what is held by somebody who ended without a word."""
    due, held = mails.c.due_at, mails.c.held_until
    for late in (due <= now, due > now + _FURTHEST_DUE):
        query = sa.select(mails.c.seq).where(is_waiting, late).order_by(due)
        _move(connection, _step(connection, query), **_FREE)
    for late in (held <= now, held > now + _FURTHEST_LEASE):
        query = sa.select(mails.c.seq).where(is_held, late).order_by(held)
        _move(connection, _step(connection, query), **_UNHELD, handovers=mails.c.handovers + 1)


def _step(connection: sa.Connection, query: sa.Select[Any]) -> list[int]:
    return list(connection.execute(query.limit(_STEP).with_for_update(skip_locked=True)).scalars())


def _move(connection: sa.Connection, numbers: Sequence[int], **values: Any) -> None:
    for start in range(0, len(numbers), _STEP):  # a statement takes some 30,000 values
        piece = numbers[start : start + _STEP]
        connection.execute(sa.update(mails).where(mails.c.seq.in_(piece)).values(**values))


def _open_streams(connection: sa.Connection, without: Collection[str]) -> list[str]:
    return [name for name in connection.execute(_OPEN).scalars() if name not in without]


def _chosen(connection: sa.Connection, limit: int, most_bytes: int, without: Collection[str]) -> list[int]:
    """The numbers of those that go first over all streams, as many as fit; at least one if there is any."""
    heads = [
        connection.execute(_HEADS, {"name": name, "most": limit}).all() for name in _open_streams(connection, without)
    ]
    chosen: list[int] = []
    total = 0
    for row in merge(*heads, key=lambda row: (row.priority, row.seq)):
        total += row.size
        if chosen and (total > most_bytes or len(chosen) >= limit):
            break
        chosen.append(row.seq)
    return chosen


def _opened(row: sa.Row[Any], seal: Seal) -> Leased:
    """The mail with its content. Raises StorageError when either cannot be read."""
    mail = mail_of(row)
    if row.content is None:
        raise StorageError("its content is lost")
    content = seal.open(mail.id, row.key, row.content)
    if len(content) != mail.size:
        raise StorageError(f"its content has {len(content)} bytes of {mail.size}")
    return Leased(mail=mail, content=content)


_OPEN = sa.select(mail_streams.c.stream).where(mail_streams.c.paused.is_(False), mail_streams.c.queued > 0)
_HEAD = (
    sa.select(mails.c.seq, mails.c.priority, mails.c.size)
    .where(is_ready, mails.c.stream == sa.bindparam("name", type_=sa.Text))
    .order_by(mails.c.priority, mails.c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_HEADS = _HEAD.with_for_update(skip_locked=True)
_WHOLE = (
    sa.select(mails, mail_contents.c.key, mail_contents.c.content)
    .outerjoin(mail_contents, mail_contents.c.seq == mails.c.seq)
    .where(mails.c.seq.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(mails.c.priority, mails.c.seq)
)
_WAITING_FOR = (
    sa.select(mails.c.seq)
    .where(is_waiting, mails.c.waiting_for == sa.bindparam("name", type_=sa.Text))
    .order_by(mails.c.priority, mails.c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_DUE = sa.select(sa.func.min(mails.c.due_at), sa.func.max(mails.c.due_at)).where(is_waiting)
_LEASES_END = sa.select(sa.func.min(mails.c.held_until), sa.func.max(mails.c.held_until)).where(is_held)
