"""Out of a damaged SQLite file into a new store: whatever can still be read of what must not be forgotten.

The fleet (its epochs only grow, its pins and orders are people's), tokens, subscriptions, incidents, events and their
alerts, mail and the addresses that get none. Not the health log: it is most of a file, hence most of the damage, and it
grows again.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mailover.errors import StorageError
from mailover.storage import fleet_rows
from mailover.storage.database import Database
from mailover.storage.salvage_mail import salvage_mail
from mailover.storage.tables import (
    events,
    feedback_events,
    hours,
    incidents,
    mail_digests,
    mail_streams,
    mail_uses,
    notes,
    outbox,
    silenced,
    subscriptions,
    suppressions,
    tokens,
)

_log = logging.getLogger("mailover.storage")

_TABLES = (
    tokens,
    notes,
    subscriptions,
    silenced,
    hours,
    incidents,
    events,
    outbox,
    suppressions,
    mail_streams,
    mail_uses,
    mail_digests,
    feedback_events,
)
_Save = Callable[[Database, Database], None]
_ROWS = 500
_SKIPPED_NUMBERS = 1000
"""Events may be newer than the fleet that is found: the next ones are numbered beyond them."""


def salvage(damaged: Path, into: Database) -> None:
    """Copy what can be read. Raises StorageError when the new store cannot be written."""
    old = Database(f"sqlite:///{damaged}")
    try:
        saves: list[_Save] = [_save_fleet, *(partial(_save_rows, table=table) for table in _TABLES), salvage_mail]
        for save in saves:
            _as_far_as_it_goes(save, old, into)
    finally:
        old.close()


def _as_far_as_it_goes(save: _Save, old: Database, into: Database) -> None:
    try:
        save(old, into)
    except StorageError:
        raise
    except Exception:  # noqa: BLE001 - nothing that stands in a damaged file may keep the agent from starting
        _log.exception("a part of the damaged store could not be saved")


def _save_fleet(old: Database, into: Database) -> None:
    try:
        with old.reading() as connection:
            fleet = fleet_rows.load(connection)
    except StorageError as error:
        _log.warning("the fleet could not be saved from the damaged store: %s", error)
        return
    if fleet is not None:
        with into.writing() as connection:
            fleet_rows.save(connection, replace(fleet, events=fleet.events + _SKIPPED_NUMBERS), None)


def _save_rows(old: Database, into: Database, table: sa.Table) -> None:
    """Row by row where they don't fit together: an alert whose event is lost has nothing to say."""
    for rows in _readable(old, table):
        try:
            with into.writing() as connection:
                connection.execute(sa.insert(table), rows)
        except StorageError:
            for row in rows:
                _save_row(into, table, row)


def _save_row(into: Database, table: sa.Table, row: dict[str, Any]) -> None:
    try:
        with into.writing() as connection:
            connection.execute(sa.insert(table).values(**row))
    except StorageError as error:
        _log.debug("a row of %s was not saved: %s", table.name, error)


def _readable(old: Database, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """From both ends, newest first, until the damage is met; small pieces, so that one bad page costs little."""
    order = list(table.primary_key.columns)
    seen: set[tuple[Any, ...]] = set()
    for direction in (sa.desc, sa.asc):
        place = 0
        while True:
            query = sa.select(table).order_by(*(direction(column) for column in order)).limit(_ROWS).offset(place)
            try:
                with old.reading() as connection:
                    rows = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name
            except (StorageError, ValueError) as error:
                _log.warning("a part of %s could not be saved from the damaged store: %s", table.name, error)
                break
            keyed = {tuple(row[column.name] for column in order): row for row in rows}
            new = [row for key, row in keyed.items() if key not in seen]
            seen |= keyed.keys()
            if new:
                yield new
            if len(rows) < _ROWS:
                return
            place += _ROWS
