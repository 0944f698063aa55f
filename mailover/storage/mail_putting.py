"""New mail into the queue, each kept once. Inside the caller's transaction."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from mailover.core.mail import Mail
from mailover.storage.database import upsert_where
from mailover.storage.mail_counts import Counts
from mailover.storage.mail_states import HELD, Place, hash_of, values_of
from mailover.storage.sealing import Seal
from mailover.storage.tables import mail_addresses, mail_contents, mail_digests, mails

REMEMBERED_FOR = timedelta(hours=24)

Put = tuple[Mail, bytes, str]


def put(
    connection: sa.Connection, puts: Sequence[Put], counts: Counts, seal: Seal, *, holder: str, until: datetime
) -> tuple[str, ...]:
    """Keep them, leased to `holder`; the ids under which they are kept."""
    if not puts:
        return ()
    kept_as = _kept_as(connection, puts)
    new = [(mail, content) for mail, content, digest in puts if kept_as[_fingerprint(digest)] == mail.id]
    place = Place(state=HELD, holder=holder, held_until=until)
    if new:
        rows = [values_of(mail, place) for mail, _ in new]
        connection.execute(sa.insert(mails), rows)
        numbers = numbers_of(connection, [mail.id for mail, _ in new])
        _keep_contents(connection, new, numbers, seal)
        keep_addresses(connection, {numbers[mail.id]: addresses_of(mail) for mail, _ in new})
        for row in rows:
            counts.come(row["stream"], HELD, row["size"], row["fates"])
    return tuple(kept_as[_fingerprint(digest)] for _, _, digest in puts)


def numbers_of(connection: sa.Connection, ids: Collection[str]) -> Mapping[str, int]:
    """The rows' numbers by id."""
    found = connection.execute(sa.select(mails.c.id, mails.c.seq).where(mails.c.id.in_(ids)))
    return {row.id: row.seq for row in found}


def addresses_of(mail: Mail) -> Iterable[str]:
    """Its recipients'."""
    return (each.address for each in mail.recipients)


def keep_addresses(connection: sa.Connection, addresses: Mapping[int, Iterable[str]]) -> None:
    """Let these mails be found by these addresses."""
    rows = [
        {"hash": hashed, "mail": number}
        for number, each in addresses.items()
        for hashed in dict.fromkeys(hash_of(address) for address in each)
    ]
    if rows:
        connection.execute(sa.insert(mail_addresses), rows)


def _kept_as(connection: sa.Connection, puts: Sequence[Put]) -> Mapping[bytes, str]:
    """Under which id each digest is kept: the first one's within the time that digests are remembered.

    Two relays that take the same mail at once wait for each other here, and agree; so the order is one for all.
    """
    now = max(mail.accepted_at for mail, _, _ in puts)
    rows = {
        fingerprint: {"digest": fingerprint, "mail": mail.id, "at": mail.accepted_at}
        for mail, _, digest in reversed(puts)
        for fingerprint in (_fingerprint(digest),)
    }
    at = mail_digests.c.at
    stale = sa.or_(at <= now - REMEMBERED_FOR, at > now + REMEMBERED_FOR)
    upsert_where(connection, mail_digests, [rows[fingerprint] for fingerprint in sorted(rows)], stale)
    found = connection.execute(sa.select(mail_digests).where(mail_digests.c.digest.in_(rows)))
    return {bytes(row.digest): row.mail for row in found}


def _fingerprint(digest: str) -> bytes:
    """Of one size, whatever the caller's digest is made of."""
    return hashlib.sha256(digest.encode("utf-8", "surrogatepass")).digest()[:16]


def _keep_contents(
    connection: sa.Connection, new: Sequence[tuple[Mail, bytes]], numbers: Mapping[str, int], seal: Seal
) -> None:
    rows = []
    for mail, content in new:
        key, kept = seal.close(mail.id, content)
        rows.append({"seq": numbers[mail.id], "key": key, "content": kept})
    connection.execute(sa.insert(mail_contents), rows)
