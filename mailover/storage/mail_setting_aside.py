"""Mail that cannot be read, so that it stops nobody: damaged ones are dead letters, sealed ones wait for their key."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail
from mailover.errors import StorageError
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_settling import Change, settled_place, write
from mailover.storage.mail_states import BIT, SETTLED, WAITING, Place, mail_of
from mailover.storage.sealing import UnknownKeyError
from mailover.storage.tables import mails

_log = logging.getLogger("mailover.storage")

KEY = "key/"
"""Before the id of the key that a mail waits for."""
_KEY_PAUSE = timedelta(minutes=10)


def set_aside(connection: sa.Connection, row: sa.Row[Any], error: StorageError, counts: Counts, now: datetime) -> None:
    """Let nobody lease it again before people looked at it; nothing of it is deleted."""
    try:
        mail = replace(mail_of(row), because=str(error))
    except StorageError:
        _log.critical("mail %s is set aside as failed: its record in the queue is damaged: %s", row.id, error)
        _bury_row(connection, row, counts, now)
        return
    if isinstance(error, UnknownKeyError):
        _log.critical("mail %s waits: %s", mail.id, error)
        place = Place(state=WAITING, due_at=now + _KEY_PAUSE, waiting_for=f"{KEY}{error.key}")
    else:
        _log.critical("mail %s is set aside as failed: %s", mail.id, error)
        mail = _failed(mail, now)
        place = settled_place(now)
    write(connection, [Change(row=row, mail=mail, place=place)], counts)


def _failed(mail: Mail, now: datetime) -> Mail:
    recipients = (
        each if each.fate.settled else replace(each, fate=Fate.FAILED, settled_at=now) for each in mail.recipients
    )
    return replace(mail, recipients=tuple(recipients))


def _bury_row(connection: sa.Connection, row: sa.Row[Any], counts: Counts, now: datetime) -> None:
    failed = {"state": SETTLED, "fates": BIT[Fate.FAILED], "settled_at": now, "due_at": None, "waiting_for": None}
    connection.execute(sa.update(mails).where(mails.c.seq == row.seq).values(**failed))
    counts.go(row.stream, row.state, row.size, row.fates)
    counts.come(row.stream, SETTLED, row.size, BIT[Fate.FAILED])
