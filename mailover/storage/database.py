"""One database, opened the way that loses nothing: what differs between SQLite and PostgreSQL is here only.

Foreign exceptions become StorageError at this edge. No table is named here.
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import ConnectionPoolEntry

from mailover.errors import StorageError, StorageFullError
from mailover.storage.presence import Presence

_PATIENCE = 5
"""Seconds a statement waits for another's lock, and a connection for the server."""
_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout={_PATIENCE * 1000}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # with NORMAL a power loss takes acknowledged commits
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is deleted is overwritten: a mail's text is gone when it is delivered
    "PRAGMA journal_size_limit=16777216",  # one long transaction does not keep the log long for ever
)
_IMPATIENCE = 0.2
"""Seconds, once the last wait was in vain: whoever keeps a lock for long must not stop those who decide."""
_POSTGRESQL_SETTINGS = (
    f"SET statement_timeout = '{_PATIENCE}s'",
    f"SET lock_timeout = '{_PATIENCE}s'",
    f"SET idle_in_transaction_session_timeout = '{2 * _PATIENCE}s'",
    "SET synchronous_commit = on",
)
_DISK_FULL = "53100"
"""PostgreSQL's word for it."""
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CONNECT_ARGUMENTS: Mapping[str, dict[str, Any]] = {
    "sqlite": {},
    "postgresql": {
        "connect_timeout": _PATIENCE,
        "tcp_user_timeout": 2 * _PATIENCE * 1000,
        "keepalives_idle": 2 * _PATIENCE,
        "keepalives_interval": _PATIENCE,
        "keepalives_count": 2,
    },
}


class Database:
    """An engine with two ways in: reading sees one version of everything, writing is one transaction at a time."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet. Raises StorageError when the URL names no database that mailover can use."""
        self.url = _understood(url)
        self.dialect = self.url.get_backend_name()
        self.engine = _engine(self.url)
        self.aside: Path | None = None
        """The damaged file in whose place this one began."""
        self._patience = float(_PATIENCE)
        self._turn = threading.Lock()
        self._gate = threading.Lock()
        """Held while a connection is taken, and while all are closed."""
        self._presence = Presence(self.file) if self.file is not None else None
        if self.dialect == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(self.engine, "connect", _prepare_postgresql)

    @property
    def file(self) -> Path | None:
        """The database's file, None where it is a server's."""
        return Path(self.url.database or "") if self.dialect == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction whose every statement sees the same moment."""
        with _translated("read"), self._connected() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - same one
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or leaves no trace."""
        with _translated("written"), self._my_turn():
            self._save_what_was_logged()
            with self._connected() as connection:
                connection.execution_options(write=True, patience=self._patience)
                try:
                    with connection.begin():
                        yield connection
                except sa.exc.OperationalError as error:
                    if _code(error) in _LOCKED:
                        self._patience = _IMPATIENCE
                    raise
                if self._presence is not None:
                    self._presence.note()
            self._patience = float(_PATIENCE)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with self._gate if self._presence is not None else nullcontext():
            if self._presence is not None:
                self._presence.check()
            taken = self.engine.connect()
        with taken as connection:
            yield connection

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """One writer at a time: SQLite's own waiting sleeps up to 100 ms, here a lock hands over at once."""
        if self._presence is None:
            yield
            return
        if not self._turn.acquire(timeout=2 * _PATIENCE):
            raise StorageError("the store could not be written: somebody else in this process writes for too long")
        try:
            yield
        finally:
            self._turn.release()

    def _save_what_was_logged(self) -> None:
        """When the log's file was deleted, close all connections: the last one saves what is in it."""
        if self._presence is None or not self._presence.log_lost:
            return
        with self._gate:
            self._presence.check()
            if self.engine.pool.checkedout():  # type: ignore[attr-defined]
                raise StorageError("the store could not be written: its write-ahead log was deleted, and is being read")
            self.engine.dispose()
            self._presence.forget()

    def empty_log(self) -> None:
        """Let nothing that was deleted stay in SQLite's write-ahead log; where a reader is in the way, next time."""
        if self.file is None:
            return
        with _translated("tidied"), self._my_turn(), self._connected() as connection:
            driver: Any = connection.connection
            driver.execute(f"PRAGMA busy_timeout={int(1000 * _IMPATIENCE)}").close()
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            driver.execute(f"PRAGMA busy_timeout={1000 * _PATIENCE}").close()
            connection.info.pop("patience", None)

    def create_file(self) -> None:
        """Make an SQLite file that only its owner reads: the logs name recipients' domains."""
        if self.file is None or self.file.exists():
            return
        with _translated("created"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600))

    def damaged(self) -> bool:
        """Whether SQLite itself says that its file is broken, or is no database at all."""
        try:
            with self.engine.connect() as connection:
                said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except sa.exc.DatabaseError as error:
            return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        return bool(said != "ok")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()
        if self._presence is not None:
            self._presence.forget()


def upsert(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace the one with the same primary key."""
    insert = _insert(connection, table)
    key = _key(table)
    changed = {name: insert.excluded[name] for name in values if name not in key}
    connection.execute(insert.values(**values).on_conflict_do_update(index_elements=key, set_=changed))


def insert_new(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken; whether it was inserted."""
    insert = _insert(connection, table)
    statement = insert.values(**values).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(statement).rowcount == 1


def insert_all_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """Insert those rows whose keys, of one column, are not taken; the keys of those that were inserted."""
    (key,) = table.primary_key
    inserted = connection.execute(_insert(connection, table).on_conflict_do_nothing().returning(key), rows)
    return inserted.scalars().all()


def replacing(table: sa.Table, dialect: sa.Dialect, where: sa.ColumnElement[bool]) -> Any:
    """An insert that replaces the row with the same primary key if that holds for it."""
    insert = _insert_of(dialect, table)
    changed = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=_key(table), set_=changed, where=where)


def adding(table: sa.Table, dialect: sa.Dialect, names: Sequence[str]) -> Any:
    """An insert that adds these numbers to those of the row with the same primary key, if there is one."""
    insert = _insert_of(dialect, table)
    sums = {name: table.c[name] + insert.excluded[name] for name in names}
    return insert.on_conflict_do_update(index_elements=_key(table), set_=sums)


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    return _insert_of(connection.dialect, table)


def _insert_of(dialect: sa.Dialect, table: sa.Table) -> Any:
    """An insert that knows what to do when the key is taken: both dialects have one, of the same shape."""
    if dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 3 MB that an SQLite house need not hold

    return postgresql.insert(table)


def storable(text: str) -> bool:
    """Whether a database takes this text; NUL and half a surrogate pair it would refuse."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def _engine(url: sa.URL) -> sa.Engine:
    dialect = url.get_backend_name()
    try:
        return sa.create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=dialect == "postgresql",
            pool_timeout=_PATIENCE,
            connect_args=_CONNECT_ARGUMENTS[dialect],
        )
    except ModuleNotFoundError:
        says = "storage.url: the driver for PostgreSQL is not installed: pip install 'psycopg[binary]'"
        raise StorageError(says) from None


def _understood(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StorageError("storage.url is not a database URL such as sqlite:///mailover.db") from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        raise StorageError(f"storage.url: {parsed.get_backend_name()} is not supported, only sqlite and postgresql are")
    if parsed.database in {None, "", ":memory:"} or "mode" in parsed.query:
        raise StorageError("storage.url: SQLite needs a file, as in sqlite:///mailover.db")
    return parsed


@contextmanager
def _translated(done: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, UnicodeError) as error:
        kind = StorageFullError if _is_full(error) else StorageError
        raise kind(f"the store could not be {done}: {_reason(error)}") from error


def _is_full(error: Exception) -> bool:
    """Whether it is the room that is lacking."""
    if isinstance(error, sa.exc.DBAPIError):
        if getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:  # whoever opens needs 32 KiB
            return True
        return _code(error) == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", "") == _DISK_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _reason(error: Exception) -> str:
    """What the database said, in one line; SQL and its values stay out of it."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _code(error: sa.exc.DBAPIError) -> int:
    """SQLite's primary result code, 0 where it is no error of SQLite's."""
    code: int = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return code


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # else the driver begins late, and two writers lose each other's work
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("write", False):
        if connection.info.get("patience") != options["patience"]:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(1000 * options['patience'])}")
            connection.info["patience"] = options["patience"]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    for setting in _POSTGRESQL_SETTINGS:
        connection.execute(setting)
    connection.commit()
