"""Addresses that get no mail any more. Inside the caller's transaction; who is put here is the relay's business."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mailover.core.mail import Suppression
from mailover.storage.database import insert_all_new, storable
from mailover.storage.outbox import plain
from mailover.storage.store import Page
from mailover.storage.tables import suppressions

_MOST = 1000


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


def _suppression(row: sa.Row[Any]) -> Suppression:
    return Suppression(
        address=row.address, reason=row.reason, provider=row.provider, stream=row.stream, text=row.text, at=row.at
    )
