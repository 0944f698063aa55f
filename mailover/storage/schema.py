"""Bringing a database to this version's schema: migrations, a backup copy before them, a clear no to a newer one."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from mailover.errors import StorageError
from mailover.storage.database import Database
from mailover.storage.tables import SCHEMA, metadata

_log = logging.getLogger("mailover.storage")

MIGRATIONS = Path(__file__).parent / "migrations"
_stamp = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32)),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps the revision. A new database gets its tables at once and is stamped, without Alembic."""
_ADVISORY_LOCK = 0x6D61696C
"""One number for all agents of a PostgreSQL database: they upgrade one after the other."""


def upgrade(database: Database, *, migrations: Path = MIGRATIONS, target: str = SCHEMA) -> str | None:
    """Bring the schema to `target`, all of it or nothing. The revision found before, None for a new database.

    Raises StorageError when the schema is one that this version does not know.
    """
    database.create_file()
    found = revision(database)
    if found == target:
        return found
    if found is not None or target != SCHEMA:
        migrate(database, found, migrations, target)
    else:
        with _upgrading(database) as connection:
            if _revision(connection) is None:
                metadata.create_all(connection)
                _stamp.create(connection)
                connection.execute(sa.insert(_stamp).values(version_num=SCHEMA))
    _log.info("the store's schema is now %s (it was %s)", target, found or "empty")
    return found


def migrate(database: Database, found: str | None, migrations: Path, target: str) -> None:
    """Go from revision `found` to `target` by what `migrations` says. Raises StorageError as `upgrade` does."""
    from mailover.storage.migrations import runner  # noqa: PLC0415 - Alembic: 8 MB and 0.1 s that few starts need

    if found is not None:
        if found not in runner.known(migrations):
            raise StorageError(
                f"the store's schema is {found}, and this mailover knows nothing later than {target}: "
                "run the version that wrote it, or restore a backup"
            )
        _back_up(database, found)
    with _upgrading(database) as connection:
        runner.run(connection, migrations, target)


@contextmanager
def _upgrading(database: Database) -> Iterator[sa.Connection]:
    """A transaction in which nobody else upgrades."""
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            connection.execute(sa.text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


def revision(database: Database) -> str | None:
    """The schema's revision, None for an empty database."""
    with database.reading() as connection:
        return _revision(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_stamp.name):
        return None
    found: str | None = connection.execute(sa.select(_stamp.c.version_num)).scalar_one_or_none()
    return found


def backup_of(file: Path, found: str) -> Path:
    """Where the copy goes that is made before a migration from revision `found`."""
    return file.with_name(f"{file.name}.before-upgrade-from-{found}")


def _back_up(database: Database, found: str) -> None:
    """Copy an SQLite file as it is now; a PostgreSQL server has backups of its own."""
    if database.file is None:
        return
    copy = backup_of(database.file, found)
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(database.file)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"no backup could be made before the upgrade, so nothing was changed: {error}") from error
    _log.info("the store as it was before the upgrade is kept in %s", copy)
