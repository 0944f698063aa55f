"""Out of a damaged SQLite file into a new store: every mail of which anything can still be read.

The indexes name the mails, so that damage in the middle of the table hides nothing behind it. A mail whose record is
lost is kept as a dead letter with its content; one whose content is lost will be set aside by the queue.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail
from mailover.errors import StorageError
from mailover.storage.codec import loads
from mailover.storage.database import Database
from mailover.storage.mail_counts import recount
from mailover.storage.mail_states import BIT, SETTLED, hashes_of, is_queued, is_settled
from mailover.storage.tables import mail_addresses, mail_contents, mails

_log = logging.getLogger("mailover.storage")

_PIECE = 200
_Row = dict[str, Any]


def salvage_mail(old: Database, into: Database) -> None:
    """Copy what can be read. Raises StorageError when the new store cannot be written."""
    known = _known(old)
    numbers = sorted(known)
    for start in range(0, len(numbers), _PIECE):
        piece = numbers[start : start + _PIECE]
        contents = _rows(old, mail_contents, piece)
        rows = _rows(old, mails, piece)
        for number in piece:
            if number not in rows and "id" in known[number]:
                rows[number] = _stand_in(known[number], contents.get(number))
        _save(into, rows, contents)
    with into.writing() as connection:
        recount(connection)


def _known(old: Database) -> Mapping[int, _Row]:
    """What the table and each of its indexes say of each mail, as far as they can be read."""
    seq = mails.c.seq
    known: dict[int, _Row] = {}
    for query in (
        sa.select(seq).order_by(seq),
        sa.select(seq).order_by(seq.desc()),
        sa.select(seq, mails.c.id).order_by(mails.c.id),
        sa.select(seq, mails.c.stream).where(is_queued).order_by(mails.c.stream, seq),
        sa.select(seq, mails.c.stream).where(is_settled).order_by(mails.c.stream, mails.c.settled_at),
    ):
        try:
            with old.reading() as connection:
                for row in connection.execute(query).mappings():
                    known.setdefault(row["seq"], {}).update(row)
        except (StorageError, ValueError) as error:
            _log.warning("a part of the mails' numbers cannot be read in the damaged store: %s", error)
    return known


def _rows(old: Database, table: sa.Table, numbers: Sequence[int]) -> dict[int, _Row]:
    """By number; one by one where they cannot be read together."""
    try:
        return _read(old, table, numbers)
    except (StorageError, ValueError):
        pass
    rows: dict[int, _Row] = {}
    for number in numbers:
        try:
            rows |= _read(old, table, [number])
        except (StorageError, ValueError) as error:
            _log.warning("a row of %s could not be saved from the damaged store: %s", table.name, error)
    return rows


def _read(old: Database, table: sa.Table, numbers: Sequence[int]) -> dict[int, _Row]:
    with old.reading() as connection:
        found = connection.execute(sa.select(table).where(table.c.seq.in_(numbers))).mappings()
        return {row["seq"]: dict(row) for row in found}


def _stand_in(known: Mapping[str, Any], content: Mapping[str, Any] | None) -> _Row:
    """A dead letter in the place of a record that is lost."""
    now = datetime.now(UTC)
    return {
        "seq": known["seq"],
        "id": known["id"],
        "stream": known.get("stream", ""),
        "priority": 0,
        "state": SETTLED,
        "fates": BIT[Fate.FAILED],
        "size": len(content["content"]) if content is not None else 0,
        "accepted_at": now,
        "due_at": None,
        "waiting_for": None,
        "holder": None,
        "held_until": None,
        "handovers": 0,
        "settled_at": now,
        "body": "",
    }


def _save(into: Database, rows: Mapping[int, _Row], contents: Mapping[int, _Row]) -> None:
    """Together, or one by one where they don't fit."""
    try:
        _insert(into, rows.values(), contents)
    except StorageError:
        for row in rows.values():
            try:
                _insert(into, [row], contents)
            except StorageError as error:
                _log.warning("mail %s could not be saved from the damaged store: %s", row["id"], error)


def _insert(into: Database, rows: Iterable[_Row], contents: Mapping[int, _Row]) -> None:
    kept = list(rows)
    theirs = [contents[row["seq"]] for row in kept if row["seq"] in contents]
    addresses = [{"hash": hashed, "mail": row["seq"]} for row in kept for hashed in _hashes(row["body"])]
    with into.writing() as connection:
        for table, values in ((mails, kept), (mail_contents, theirs), (mail_addresses, addresses)):
            if values:
                connection.execute(sa.insert(table), values)


def _hashes(body: str) -> set[int]:
    try:
        return hashes_of(loads(Mail, body))
    except StorageError:
        return set()
