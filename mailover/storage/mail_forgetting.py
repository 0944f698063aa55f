"""Forgetting mail: a person's on demand, what was settled long ago by itself. Inside the caller's transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Mail, Recipient
from mailover.core.sentences import veiled
from mailover.errors import StorageError
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_putting import REMEMBERED_FOR
from mailover.storage.mail_settling import Change, forget_rows, settled_place, write
from mailover.storage.mail_states import SETTLED, hashes_of, is_settled, mail_of, place_of
from mailover.storage.tables import mail_addresses, mail_digests, mail_streams, mail_uses, mails

_STEP = 500
_AHEAD = timedelta(days=1)
"""What was settled later than this was settled under a wrong clock; it would be kept for years."""
_USES_KEPT = timedelta(days=40)
"""The longest quotas are by month."""


def erase(connection: sa.Connection, address: str, found_by: int, after: int) -> tuple[int | None, int]:
    """Take a person out of some of the mails that are found by this hash of the address.

    The number of the last one looked at, None when all were, and how many named them.
    """
    theirs = mail_addresses.c.hash == found_by
    numbers = sa.select(mail_addresses.c.mail).where(theirs, mail_addresses.c.mail > after)
    step = connection.execute(numbers.order_by(mail_addresses.c.mail).limit(_STEP)).scalars().all()
    rows = connection.execute(sa.select(mails).where(mails.c.seq.in_(step)).order_by(mails.c.seq).with_for_update())
    counts = Counts()
    erased = [row for row in rows.all() if _erase_from(connection, row, address, counts)]
    counts.write(connection)
    return (step[-1] if len(step) == _STEP else None), len(erased)


def tidy(connection: sa.Connection, now: datetime, keep: Mapping[str, timedelta], usual: timedelta) -> bool:
    """One short step; whether there is more."""
    connection.execute(sa.delete(mail_uses).where(mail_uses.c.day < str((now - _USES_KEPT).date())))
    more = _forget_digests(connection, now)
    counts = Counts()
    for stream in connection.execute(sa.select(mail_streams.c.stream).order_by(mail_streams.c.stream)).scalars().all():
        more |= _forget_old(connection, stream, now, keep.get(stream, usual), counts)
    counts.write(connection)
    return more


def _erase_from(connection: sa.Connection, row: sa.Row[Any], address: str, counts: Counts) -> bool:
    try:
        mail = mail_of(row)
    except StorageError:  # it may name them, and nobody can tell
        forget_rows(connection, [row], counts)
        return True
    left = _without(mail, address.lower())
    if left == mail:  # another address of the same hash, or their own that still waits
        return False
    if not left.recipients:
        forget_rows(connection, [row], counts)
        connection.execute(sa.delete(mail_digests).where(mail_digests.c.mail == mail.id))  # else it could not come anew
        return True
    ended = max((each.settled_at for each in left.recipients if each.settled_at is not None), default=mail.accepted_at)
    place = place_of(row) if left.pending or row.state == SETTLED else settled_place(ended)
    write(connection, [Change(row=row, mail=left, place=place, forget=left.sender != mail.sender)], counts)
    gone = mail_addresses.c.hash.in_(hashes_of(mail) - hashes_of(left))
    connection.execute(sa.delete(mail_addresses).where(gone, mail_addresses.c.mail == row.seq))
    return True


def _without(mail: Mail, address: str) -> Mail:
    """The mail as others may still need it. Who sent it is needed until nobody waits for it any more."""
    others = tuple(_unnamed(each, address) for each in mail.recipients if each.address.lower() != address)
    waits = any(not each.fate.settled for each in others)
    return replace(mail, recipients=others, sender=mail.sender if waits or mail.sender.lower() != address else "")


def _unnamed(recipient: Recipient, address: str) -> Recipient:
    """A provider's reply may name everybody whom it refuses."""
    failure = recipient.failure
    if failure is None or address not in failure.text.lower():
        return recipient
    return replace(recipient, failure=replace(failure, text=veiled(failure.text)))


def _forget_digests(connection: sa.Connection, now: datetime) -> bool:
    at = mail_digests.c.at
    old = sa.select(mail_digests.c.digest).where(at <= now - REMEMBERED_FOR).order_by(at).limit(_STEP)
    gone = connection.execute(sa.delete(mail_digests).where(mail_digests.c.digest.in_(old)))
    return gone.rowcount == _STEP


def _forget_old(connection: sa.Connection, stream: str, now: datetime, kept: timedelta, counts: Counts) -> bool:
    at = mails.c.settled_at
    more = False
    for old in (at <= now - kept, at > now + _AHEAD):
        query = sa.select(mails).where(is_settled, mails.c.stream == stream, old).order_by(at).limit(_STEP)
        rows = connection.execute(query.with_for_update(skip_locked=True)).all()
        forget_rows(connection, rows, counts)
        more |= len(rows) == _STEP
    return more
