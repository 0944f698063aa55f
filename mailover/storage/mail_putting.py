"""New mail into the queue, each kept once. Inside the caller's transaction."""

import random
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Fate, Mail
from mailover.storage.database import replacing
from mailover.storage.hot import HotStatement
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_settling import Known
from mailover.storage.mail_states import BIT, HELD, Place, fingerprint, hashes_of, is_settled, values_of
from mailover.storage.sealing import Seal
from mailover.storage.tables import Instant, mail_addresses, mail_contents, mail_digests, mails

REMEMBERED_FOR = timedelta(hours=24)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_SALT_BITS = 12
_TAKEN = BIT[Fate.DELIVERED] | BIT[Fate.AMBIGUOUS] | BIT[Fate.LOGGED]

Put = tuple[Mail, bytes, str]


class Numbers:
    """Numbers of rows, in the order of accepting, made without asking the database. Thread-safe.

    Microseconds, never the same twice here, before a few bits that tell relays of one database apart.
    """

    def __init__(self) -> None:
        """The bits are drawn."""
        self._salt = random.getrandbits(_SALT_BITS)
        self._last = 0
        self._turn = threading.Lock()

    def next(self, at: datetime) -> int:
        """A greater one than before. One that another relay had too is refused by the database; the next is free."""
        with self._turn:
            self._last = max(self._last + 1, (at - _EPOCH) // timedelta(microseconds=1))
            return self._last << _SALT_BITS | self._salt


def put(
    connection: sa.Connection,
    puts: Sequence[Put],
    counts: Counts,
    seal: Seal,
    numbers: Numbers,
    *,
    holder: str,
    until: datetime,
) -> tuple[tuple[str, ...], list[Known]]:
    """Keep them, leased to `holder`; the ids under which they are kept, and those that are new."""
    fingerprints = [fingerprint(digest) for _, _, digest in puts]
    kept_as = _kept_as(connection, puts, fingerprints)
    place = Place(state=HELD, holder=holder, held_until=until)
    rows = [
        {"seq": numbers.next(mail.accepted_at), **values_of(mail, place), **_sealed(seal, mail, content)}
        for (mail, content, _), key in zip(puts, fingerprints, strict=True)
        if kept_as[key] == mail.id
    ]
    _INSERT.run(connection, rows)
    _INSERT_CONTENT.run(connection, rows)
    numbered = {row["id"]: row["seq"] for row in rows}
    addresses = [
        {"hash": hashed, "mail": numbered[mail.id]}
        for mail, _, _ in puts
        if mail.id in numbered
        for hashed in hashes_of(mail)
    ]
    _INSERT_ADDRESS.run(connection, addresses)
    for row in rows:
        counts.come(row["stream"], HELD, row["size"], row["fates"])
    mails_by_id = {mail.id: mail for mail, _, _ in puts}
    new = [
        Known(row["seq"], row["stream"], HELD, row["size"], row["fates"], mails_by_id[row["id"]], row["body"])
        for row in rows
    ]
    return tuple(kept_as[key] for key in fingerprints), new


def _sealed(seal: Seal, mail: Mail, content: bytes) -> Mapping[str, Any]:
    key, kept = seal.close(mail.id, content)
    return {"key": key, "content": kept}


def _kept_as(connection: sa.Connection, puts: Sequence[Put], fingerprints: Sequence[bytes]) -> Mapping[bytes, str]:
    """Under which id each digest is kept: the first one's within the time that digests are remembered.

    Two relays that take the same mail at once wait for each other here, and agree; so the order is one for all. What
    nobody got in the end is kept anew: its sender was promised a delivery for this one too.
    """
    rows = {
        key: {
            "digest": key,
            "mail": mail.id,
            "at": mail.accepted_at,
            "before": mail.accepted_at - REMEMBERED_FOR,
            "beyond": mail.accepted_at + REMEMBERED_FOR,
        }
        for (mail, _, _), key in zip(reversed(puts), reversed(fingerprints), strict=True)
    }
    if _REMEMBER.run(connection, [rows[key] for key in sorted(rows)]) == len(rows):
        return {key: str(row["mail"]) for key, row in rows.items()}
    kept_as = {bytes(row.digest): str(row.mail) for row in connection.execute(_FIND, {"digests": list(rows)})}
    buried = set(connection.scalars(_IN_VAIN, {"ids": list(kept_as.values())}))
    anew = [rows[key] for key, kept in kept_as.items() if kept in buried]
    if anew:
        connection.execute(
            _TAKE_OVER, [{"its_digest": row["digest"], "mail": row["mail"], "at": row["at"]} for row in anew]
        )
    return kept_as | {key: str(rows[key]["mail"]) for key, kept in kept_as.items() if kept in buried}


_FIND = sa.select(mail_digests).where(mail_digests.c.digest.in_(sa.bindparam("digests", expanding=True)))
_IN_VAIN = sa.select(mails.c.id).where(
    mails.c.id.in_(sa.bindparam("ids", expanding=True)), is_settled, mails.c.fates.bitwise_and(_TAKEN) == 0
)
"""Who got nothing of it: handed over again, it is no repeat but a second try."""
_TAKE_OVER = sa.update(mail_digests).where(mail_digests.c.digest == sa.bindparam("its_digest"))
_at = mail_digests.c.at
_stale = sa.or_(_at <= sa.bindparam("before", type_=Instant), _at > sa.bindparam("beyond", type_=Instant))
_REMEMBER = HotStatement(
    lambda dialect: replacing(mail_digests, dialect, _stale), ("digest", "mail", "at", "before", "beyond")
)
_INSERT = HotStatement(lambda _dialect: sa.insert(mails).inline(), [column.name for column in mails.c])
_INSERT_CONTENT = HotStatement(lambda _dialect: sa.insert(mail_contents).inline(), ("seq", "key", "content"))
_INSERT_ADDRESS = HotStatement(lambda _dialect: sa.insert(mail_addresses).inline(), ("hash", "mail"))
