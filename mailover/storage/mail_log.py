"""Looking at mail, and what operators do with it: lists, one mail, its content, retry, drop, erase.

Inside the caller's transaction.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail
from mailover.core.retry import QUEUE_LIMIT
from mailover.errors import NotFoundError, StorageError
from mailover.storage.database import storable
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_settling import Change, forget_rows, found, settled_place, write
from mailover.storage.mail_states import (
    BIT,
    DEAD,
    HELD,
    READY,
    WAITING,
    Place,
    hash_of,
    is_dead,
    is_queued,
    mail_of,
    place_of,
    shown,
)
from mailover.storage.sealing import Seal
from mailover.storage.store import Page
from mailover.storage.tables import mail_addresses, mail_contents, mails

_log = logging.getLogger("mailover.storage")

_MOST = 1000
_REVIVABLE = {Fate.FAILED, Fate.AMBIGUOUS, Fate.EXPIRED}


def page(
    connection: sa.Connection,
    *,
    after: str | None,
    limit: int,
    stream: str | None,
    fate: Fate | None,
    recipient: str | None,
    newest_first: bool,
) -> Page[Mail]:
    """A piece of the list, in the order in which they were kept."""
    seq, limit = mails.c.seq, max(1, min(limit, _MOST))
    query = sa.select(mails).order_by(seq.desc() if newest_first else seq).limit(limit + 1)
    if stream is not None:
        query = query.where(mails.c.stream == stream)
    if fate is not None:
        query = query.where(*_has(fate))
    if recipient is not None:
        theirs = sa.select(mail_addresses.c.mail).where(mail_addresses.c.hash == hash_of(recipient))
        query = query.where(seq.in_(theirs))
    if after is not None:
        place = _place(connection, after)
        query = query.where(seq < place if newest_first else seq > place)
    rows = connection.execute(query).all()
    return Page(
        items=tuple(shown(row) for row in rows[:limit]), next=str(rows[limit - 1].id) if len(rows) > limit else None
    )


def one(connection: sa.Connection, mail_id: str) -> Mail | None:
    """One mail."""
    row = connection.execute(sa.select(mails).where(mails.c.id == mail_id)).one_or_none()
    return None if row is None else shown(row)


def content(connection: sa.Connection, mail_id: str, seal: Seal) -> bytes | None:
    """What is kept of it."""
    query = (
        sa.select(mail_contents.c.key, mail_contents.c.content)
        .join(mails, mails.c.seq == mail_contents.c.seq)
        .where(mails.c.id == mail_id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else seal.open(mail_id, row.key, bytes(row.content))


def retry(connection: sa.Connection, ids: Collection[str], now: datetime) -> int:
    """Queue again what ended badly, and make due what waits."""
    rows = found(connection, ids)
    kept = set(
        connection.execute(
            sa.select(mail_contents.c.seq).where(mail_contents.c.seq.in_([row.seq for row in rows]))
        ).scalars()
    )
    changes = [
        change for row, mail in _readable(rows) if row.seq in kept and (change := _revived(row, mail, now)) is not None
    ]
    counts = Counts()
    write(connection, changes, counts)
    counts.write(connection)
    return len(changes)


def drop(connection: sa.Connection, ids: Collection[str], now: datetime) -> int:
    """Let it go: whoever did not get it will not, and the content is forgotten."""
    rows = [row for row in found(connection, ids) if row.fates & (BIT[Fate.QUEUED] | DEAD)]
    readable = dict(_readable(rows))
    changes = [
        Change(row=row, mail=_dropped(mail, now), place=settled_place(now), forget=True)
        for row, mail in readable.items()
    ]
    counts = Counts()
    write(connection, changes, counts)
    forget_rows(connection, [row for row in rows if row not in readable], counts)
    counts.write(connection)
    return len(rows)


def _revived(row: sa.Row[Any], mail: Mail, now: datetime) -> Change | None:
    """Its time begins anew: what an operator wants sent is worth sending, however old it is."""
    if not any(each.fate in _REVIVABLE for each in mail.recipients):
        return Change(row=row, mail=mail, place=Place(state=READY)) if row.state == WAITING else None
    recipients = tuple(
        replace(each, fate=Fate.QUEUED, settled_at=None) if each.fate in _REVIVABLE else each
        for each in mail.recipients
    )
    place = place_of(row) if row.state == HELD else Place(state=READY)
    return Change(
        row=row, mail=replace(mail, recipients=recipients, deadline_at=now + QUEUE_LIMIT, attempts=0), place=place
    )


def _dropped(mail: Mail, now: datetime) -> Mail:
    """A failure that was met stays on record."""
    recipients = tuple(
        replace(each, fate=Fate.DROPPED, settled_at=now) if BIT[each.fate] & (BIT[Fate.QUEUED] | DEAD) else each
        for each in mail.recipients
    )
    return replace(mail, recipients=recipients)


def _readable(rows: Iterable[sa.Row[Any]]) -> Iterator[tuple[sa.Row[Any], Mail]]:
    for row in rows:
        try:
            yield row, mail_of(row)
        except StorageError:
            _log.warning("mail %s is passed over: its record is damaged", row.id)


def _has(fate: Fate) -> list[sa.ColumnElement[bool]]:
    """The condition, said so that an index is found that holds only such rows."""
    if fate is Fate.QUEUED:
        return [is_queued]
    has = mails.c.fates.bitwise_and(BIT[fate]) != 0
    return [has, is_dead] if BIT[fate] & DEAD else [has]


def _place(connection: sa.Connection, after: str) -> int:
    number = None
    if storable(after):
        number = connection.execute(sa.select(mails.c.seq).where(mails.c.id == after)).scalar_one_or_none()
    if number is None:
        raise NotFoundError(f"the list of mails knows no {after!r} to go on from")
    return int(number)
