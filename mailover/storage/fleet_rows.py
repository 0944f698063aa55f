"""The fleet as rows: a head, one row per breaker and one per stream, so that a commit rewrites only what changed.

Written inside the caller's transaction; deciding and announcing are others' business.
"""

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from mailover.core.breaker import Breaker
from mailover.core.fleet import Fleet, StreamState
from mailover.errors import VersionConflictError
from mailover.storage.codec import dumps, loads
from mailover.storage.database import insert_new, upsert
from mailover.storage.tables import breakers, fleet_head, streams


def load(connection: sa.Connection) -> Fleet | None:
    """The fleet as this transaction sees it."""
    head = connection.execute(sa.select(fleet_head.c.version, fleet_head.c.body)).one_or_none()
    if head is None:
        return None
    return replace(
        loads(Fleet, head.body),
        version=head.version,
        breakers={row.provider: loads(Breaker, row.body) for row in connection.execute(_ordered(breakers))},
        streams={row.stream: loads(StreamState, row.body) for row in connection.execute(_ordered(streams))},
    )


def save(connection: sa.Connection, fleet: Fleet, previous: Fleet | None) -> None:
    """Replace `previous`. Raises VersionConflictError when it is no longer what the store holds.

    The head comes first: its row is locked until the end of the transaction, which puts all commits in one order.
    """
    _save_head(connection, fleet, previous)
    _save_changed(connection, breakers, fleet.breakers, previous.breakers if previous else {})
    _save_changed(connection, streams, fleet.streams, previous.streams if previous else {})


def _save_head(connection: sa.Connection, fleet: Fleet, previous: Fleet | None) -> None:
    values = {"version": fleet.version, "body": dumps(replace(fleet, breakers={}, streams={}))}
    if previous is None:
        if not insert_new(connection, fleet_head, {"id": 1, **values}):
            raise VersionConflictError("the store already holds a fleet; load it and decide again")
        return
    if fleet.version <= previous.version:
        raise ValueError(f"version {fleet.version} cannot follow version {previous.version}")
    replaced = connection.execute(
        sa.update(fleet_head).where(fleet_head.c.version == previous.version).values(**values)
    ).rowcount
    if replaced != 1:
        raise VersionConflictError(f"version {previous.version} of the fleet was replaced by somebody else's decision")


def _save_changed(
    connection: sa.Connection, table: sa.Table, new: Mapping[str, object], old: Mapping[str, object]
) -> None:
    """Rewrite the rows whose value is another object than before; unchanged parts of a fleet keep their identity."""
    if new is old:
        return
    (name,) = table.primary_key.columns
    for key, value in new.items():
        if value is not old.get(key):
            upsert(connection, table, {name.name: key, "body": dumps(value)})
    gone = old.keys() - new.keys()
    if gone:
        connection.execute(sa.delete(table).where(name.in_(gone)))


def _ordered(table: sa.Table) -> sa.Select[tuple[str, str]]:
    (name,) = table.primary_key.columns
    return sa.select(name, table.c.body).order_by(name)
