"""How a mail is a row: the numbers that stand for its state and its fates, and its body. No statement is made here."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail, Recipient
from mailover.errors import StorageError
from mailover.storage.codec import dumps, loads
from mailover.storage.tables import mails

READY, WAITING, HELD, SETTLED = range(4)
"""To be leased now; to be leased at `due_at`; leased until `held_until`; nobody is left. Never renumbered."""
BIT: Mapping[Fate, int] = {
    Fate.QUEUED: 1,
    Fate.DELIVERED: 2,
    Fate.AMBIGUOUS: 4,
    Fate.FAILED: 8,
    Fate.EXPIRED: 16,
    Fate.SUPPRESSED: 32,
    Fate.DROPPED: 64,
    Fate.LOGGED: 128,
}
"""A mail's `fates` are those of its recipients, together. Never renumbered."""
DEAD = BIT[Fate.AMBIGUOUS] | BIT[Fate.FAILED]
"""The content is kept for people to decide."""

# Numbers are spelled out where an index is meant that holds only such rows: no database looks behind a parameter.
is_ready = mails.c.state == sa.literal_column("0")
is_waiting = mails.c.state == sa.literal_column("1")
is_held = mails.c.state == sa.literal_column("2")
is_queued = mails.c.state < sa.literal_column("3")
is_settled = mails.c.state == sa.literal_column("3")
is_dead = sa.literal_column("fates & 12", sa.Integer) != sa.literal_column("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a mail stands in the queue."""

    state: int
    due_at: datetime | None = None
    waiting_for: str | None = None
    holder: str | None = None
    held_until: datetime | None = None
    settled_at: datetime | None = None


def place_of(row: sa.Row[Any]) -> Place:
    """Where a row's mail stands."""
    return Place(
        state=row.state,
        due_at=row.due_at,
        waiting_for=row.waiting_for,
        holder=row.holder,
        held_until=row.held_until,
        settled_at=row.settled_at,
    )


def fates_of(recipients: Iterable[Recipient]) -> int:
    """Together."""
    bits = 0
    for each in recipients:
        bits |= BIT[each.fate]
    return bits


def hash_of(address: str) -> int:
    """Of an address, whatever its case: what fits into a column. Two addresses may share one."""
    digest = hashlib.sha256(address.lower().encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], signed=True)


def fingerprint(text: str) -> bytes:
    """Of one size, whatever the text is made of."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def sender_hash_of(address: str) -> int:
    """Of who sent a mail: never that of a recipient, who has no space there."""
    return hash_of(f"from {address}")


def hashes_of(mail: Mail) -> set[int]:
    """By what a mail is found: each recipient's address, and its sender's."""
    theirs = {hash_of(each.address) for each in mail.recipients}
    return theirs | {sender_hash_of(mail.sender)} if mail.sender else theirs


def values_of(mail: Mail, place: Place) -> dict[str, Any]:
    """A mail's columns, but for its number."""
    return {
        "id": mail.id,
        "stream": mail.stream,
        "priority": mail.priority,
        "state": place.state,
        "fates": fates_of(mail.recipients),
        "size": mail.size,
        "accepted_at": mail.accepted_at,
        "due_at": place.due_at,
        "waiting_for": place.waiting_for,
        "holder": place.holder,
        "held_until": place.held_until,
        "handovers": mail.handovers,
        "settled_at": place.settled_at,
        "body": dumps(mail),
    }


def mail_of(row: sa.Row[Any]) -> Mail:
    """The mail of a row; columns that change without the body rule. Raises StorageError when it cannot be read."""
    mail = loads(Mail, row.body)
    due_at, waiting_for, handovers = row.due_at, row.waiting_for or "", row.handovers
    if (mail.due_at, mail.waiting_for, mail.handovers) == (due_at, waiting_for, handovers):
        return mail
    return replace(mail, due_at=due_at, waiting_for=waiting_for, handovers=handovers)


def shown(row: sa.Row[Any]) -> Mail:
    """The mail of a row, or what can still be said of one that is damaged."""
    try:
        return mail_of(row)
    except StorageError:
        return Mail(
            id=row.id,
            stream=row.stream,
            sender="",
            recipients=(),
            size=row.size,
            accepted_at=row.accepted_at,
            priority=row.priority,
            by="",
            because="its record in the queue is damaged and cannot be read",
            handovers=row.handovers,
        )
