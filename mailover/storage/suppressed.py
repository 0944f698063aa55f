"""Addresses that get no mail any more, and which tidings of them were told before. Inside the caller's transaction.

Who is put here is the business of the relay, of operators, and of providers.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Suppression
from mailover.storage.database import insert_all_new, storable
from mailover.storage.mail_states import fingerprint
from mailover.storage.outbox import plain
from mailover.storage.store import Page
from mailover.storage.tables import feedback_events, suppressions

_MOST = 1000
_TOLD_FOR = timedelta(days=7)
"""No provider goes on telling for so long."""
_AHEAD = timedelta(days=1)
"""What was told later than this was told under a wrong clock; it would be remembered for years."""


def add(connection: sa.Connection, new: Sequence[Suppression]) -> None:
    """The first reason stays."""
    rows = {
        each.address.lower(): {
            "address": each.address.lower(),
            "reason": each.reason,
            "provider": each.provider,
            "stream": each.stream,
            "text": plain(each.text),
            "at": each.at,
        }
        for each in reversed(new)
        if storable(each.address)
    }
    if rows:
        insert_all_new(connection, suppressions, [rows[address] for address in sorted(rows)])


def learn(connection: sa.Connection, told: Mapping[str, Suppression], now: datetime) -> frozenset[str]:
    """Remember these; which of the events were not told before."""
    _forget_events(connection, now)
    events = {fingerprint(event): event for event in told}
    rows = [{"digest": key, "at": now} for key in sorted(events)]
    new = {events[bytes(key)] for key in insert_all_new(connection, feedback_events, rows)} if rows else set[str]()
    add(connection, [each for event, each in told.items() if event in new])
    return frozenset(new)


def remove(connection: sa.Connection, address: str) -> bool:
    """Whether it was there."""
    mine = suppressions.c.address == address.lower()
    return storable(address) and connection.execute(sa.delete(suppressions).where(mine)).rowcount == 1


def among(connection: sa.Connection, addresses: Collection[str]) -> Mapping[str, Suppression]:
    """Those of these addresses that are here."""
    asked = {address.lower() for address in addresses if storable(address)}
    if not asked:
        return {}
    rows = connection.execute(sa.select(suppressions).where(suppressions.c.address.in_(asked)))
    return {row.address: _suppression(row) for row in rows}


def page(connection: sa.Connection, *, after: str | None, limit: int) -> Page[Suppression]:
    """By address; `after` need not be there any more."""
    limit = max(1, min(limit, _MOST))
    query = sa.select(suppressions).order_by(suppressions.c.address).limit(limit + 1)
    if after is not None:
        query = query.where(suppressions.c.address > after)
    rows = connection.execute(query).all()
    return Page(
        items=tuple(_suppression(row) for row in rows[:limit]),
        next=rows[limit - 1].address if len(rows) > limit else None,
    )


def _forget_events(connection: sa.Connection, now: datetime) -> None:
    at, digest = feedback_events.c.at, feedback_events.c.digest
    for astray in (at <= now - _TOLD_FOR, at > now + _AHEAD):
        old = sa.select(digest).where(astray).order_by(at).limit(_MOST)
        connection.execute(sa.delete(feedback_events).where(digest.in_(old)))


def _suppression(row: sa.Row[Any]) -> Suppression:
    return Suppression(
        address=row.address, reason=row.reason, provider=row.provider, stream=row.stream, text=row.text, at=row.at
    )
