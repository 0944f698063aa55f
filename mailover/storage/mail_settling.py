"""What becomes of mail that is in the queue: fates, its next place, its content. Inside the caller's transaction."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail, Recipient, Settlement
from mailover.errors import StorageError
from mailover.storage.hot import HotStatement
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_states import (
    DEAD,
    HELD,
    READY,
    SETTLED,
    WAITING,
    Place,
    hashes_of,
    is_held,
    mail_of,
    place_of,
    values_of,
)
from mailover.storage.tables import mail_addresses, mail_contents, mails

_log = logging.getLogger("mailover.storage")

_CERTAINTY = {Fate.DELIVERED: 3, Fate.AMBIGUOUS: 2, Fate.QUEUED: 0}
"""Which of two tidings of one copy stays; every other fate is worth 1."""


class Known(NamedTuple):
    """A mail that is held by us, as its row was when it was put or leased: it need not be read to be settled."""

    seq: int
    stream: str
    state: int
    size: int
    fates: int
    mail: Mail
    body: str


class OutdatedError(Exception):
    """Somebody changed a mail that was thought to be known. The transaction is begun anew, and reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A mail as it was found and as it is to be."""

    row: sa.Row[Any] | Known
    mail: Mail
    place: Place
    forget: bool = False
    """Delete the content, whatever the fates are."""


def found(connection: sa.Connection, ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """The rows of these mails, kept from changing; in one order for all, lest two wait for each other."""
    query = sa.select(mails).where(mails.c.id.in_(ids)).order_by(mails.c.seq).with_for_update()
    return connection.execute(query).all()


def settle(
    connection: sa.Connection, settlements: Sequence[Settlement], counts: Counts, *, holder: str, now: datetime
) -> None:
    """Write what became of recipients."""
    by_mail = by_mail_of(settlements)
    changes = []
    for row in found(connection, by_mail):
        try:
            mail = mail_of(row)
        except StorageError as error:
            _log.critical("what became of mail %s cannot be written: %s", row.id, error)
            continue
        place = place_of(row)
        for each in by_mail[row.id]:
            mail, place = _settled(mail, place, each, holder, now)
        changes.append(Change(row=row, mail=mail, place=place))
    write(connection, changes, counts)


def settle_known(
    connection: sa.Connection,
    settlements: Sequence[Settlement],
    known: Mapping[str, Known],
    counts: Counts,
    *,
    holder: str,
    now: datetime,
) -> None:
    """The same for mails that are still as they are known, without reading them. Raises OutdatedError where not."""
    held = Place(state=HELD, holder=holder)
    changes = []
    by_mail = by_mail_of(settlements)
    for mail_id in sorted(by_mail, key=lambda each: known[each].seq):  # one order for all, as in `found`
        row = known[mail_id]
        mail, place = row.mail, held
        for each in by_mail[mail_id]:
            mail, place = _settled(mail, place, each, holder, now)
        changes.append(Change(row=row, mail=mail, place=place))
    as_known = [{"its_holder": holder, "its_body": known[change.mail.id].body} for change in changes]
    write(connection, changes, counts, as_known)


def by_mail_of(settlements: Iterable[Settlement]) -> Mapping[str, list[Settlement]]:
    """In the order of coming."""
    by_mail: dict[str, list[Settlement]] = {}
    for each in settlements:
        by_mail.setdefault(each.mail, []).append(each)
    return by_mail


def write(
    connection: sa.Connection, changes: Sequence[Change], counts: Counts, as_known: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Replace rows by what they are to be; `as_known`: if they are what they were."""
    if not changes:
        return
    rows = []
    gone = []
    for change in changes:
        row, place = change.row, change.place
        values = values_of(change.mail, place)
        counts.go(row.stream, row.state, row.size, row.fates)
        counts.come(row.stream, place.state, row.size, values["fates"])
        rows.append({"number": row.seq} | {name: values[name] for name in _CHANGING})
        if change.forget or (place.state == SETTLED and not values["fates"] & DEAD):
            gone.append({"number": row.seq})
    if not as_known:
        _REPLACE.run(connection, rows)
    elif _REPLACE_KNOWN.run(connection, [{**row, **was} for row, was in zip(rows, as_known, strict=True)]) != len(rows):
        raise OutdatedError
    _FORGET.run(connection, gone)


def forget_rows(connection: sa.Connection, rows: Sequence[sa.Row[Any]], counts: Counts) -> None:
    """Delete mails altogether, with their contents."""
    for row in rows:
        counts.go(row.stream, row.state, row.size, row.fates)
    addresses = [{"its_hash": hashed, "its_mail": row.seq} for row in rows for hashed in _hashes_of(row)]
    if addresses:
        connection.execute(_FORGET_ADDRESS, addresses)
    if rows:
        connection.execute(sa.delete(mails).where(mails.c.seq.in_([row.seq for row in rows])))


def _hashes_of(row: sa.Row[Any]) -> Iterable[int]:
    """By what a mail is found. What a damaged one leaves there finds nothing any more."""
    try:
        return hashes_of(mail_of(row))
    except StorageError:
        return ()


def settled_place(now: datetime) -> Place:
    """Of a mail that nothing more is done with."""
    return Place(state=SETTLED, settled_at=now)


def _settled(mail: Mail, place: Place, each: Settlement, holder: str, now: datetime) -> tuple[Mail, Place]:
    mine = place.state == HELD and place.holder == holder
    mail = replace(
        mail,
        recipients=_merged(mail.recipients, each.recipients),
        attempts=mail.attempts + (mine and each.counted),
        because=each.because if mine and each.because else mail.because,
    )
    if not mail.pending:
        return mail, settled_place(place.settled_at or now)
    if not mine:
        return mail, place
    waits = each.due_at is not None and each.due_at > now
    return mail, Place(
        state=WAITING if waits else READY,
        due_at=each.due_at if waits else None,
        waiting_for=(each.waiting_for or None) if waits else None,
    )


def _merged(known: Iterable[Recipient], told: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """Addresses that were erased meanwhile stay so."""
    news = {each.address: each for each in told}
    return tuple(_surer(each, news.get(each.address, each)) for each in known)


def _surer(known: Recipient, told: Recipient) -> Recipient:
    """What was settled stays, dropped by an operator for one, unless it is known better now."""
    better = _CERTAINTY.get(told.fate, 1) > _CERTAINTY.get(known.fate, 1)
    return told if better or not known.fate.settled else known


_CHANGING = ("state", "fates", "due_at", "waiting_for", "holder", "held_until", "settled_at", "body")
_REPLACE = HotStatement(
    lambda _dialect: sa.update(mails).where(mails.c.seq == sa.bindparam("number")), ("number", *_CHANGING)
)
_is_as_known = sa.and_(
    mails.c.seq == sa.bindparam("number"),
    is_held,
    mails.c.holder == sa.bindparam("its_holder"),
    mails.c.body == sa.bindparam("its_body"),
)
_REPLACE_KNOWN = HotStatement(
    lambda _dialect: sa.update(mails).where(_is_as_known), ("number", "its_holder", "its_body", *_CHANGING)
)
_FORGET = HotStatement(
    lambda _dialect: sa.delete(mail_contents).where(mail_contents.c.seq == sa.bindparam("number")), ("number",)
)
_FORGET_ADDRESS = sa.delete(mail_addresses).where(
    mail_addresses.c.hash == sa.bindparam("its_hash"), mail_addresses.c.mail == sa.bindparam("its_mail")
)
