"""Bringing a database to this version's schema."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from samples import NOON, first_fleet

from mailover.core.scoring import Sample
from mailover.errors import StorageError
from mailover.storage import schema
from mailover.storage.database import Database
from mailover.storage.sql import open_store
from mailover.storage.tables import SCHEMA, metadata

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("expires", sa.Text))
    {more}
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """This version's history, to which a test may add a revision."""
    history = tmp_path / "migrations"
    (history / "versions").mkdir(parents=True)
    for file in (schema.MIGRATIONS / "env.py", *(schema.MIGRATIONS / "versions").glob("r*.py")):
        (history / file.relative_to(schema.MIGRATIONS)).write_text(file.read_text())
    return history


def with_next(migrations: Path, more: str = "") -> Path:
    (migrations / "versions" / "r9000_next.py").write_text(NEXT.format(before=SCHEMA, more=more))
    return migrations


def test_the_migrations_make_exactly_the_tables_of_a_new_database(url: str) -> None:
    database = Database(url)
    database.create_file()
    schema.migrate(database, None, schema.MIGRATIONS, SCHEMA)
    assert schema.revision(database) == SCHEMA
    with database.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_the_tables_name_the_latest_revision(url: str) -> None:
    open_store(url).close()
    database = Database(url)
    assert schema.revision(database) == SCHEMA
    assert schema.upgrade(database) == SCHEMA
    database.close()


def test_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    open_store(url).close()
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="the store's schema is 9999, and this mailover knows nothing later"):
        open_store(url)
    assert schema.revision(database) == "9999"
    database.close()


def test_a_backup_is_made_before_a_migration(sqlite_url: str, migrations: Path) -> None:
    store = open_store(sqlite_url)
    store.commit(first_fleet(), None)
    store.close()
    database = Database(sqlite_url)
    assert schema.upgrade(database, migrations=with_next(migrations), target="9000") == SCHEMA
    database.close()
    assert database.file is not None
    backup = schema.backup_of(database.file, SCHEMA)
    assert backup.stat().st_mode & 0o077 == 0
    restored = open_store(f"sqlite:///{backup}")
    assert restored.load() == first_fleet()
    restored.close()


def test_a_new_database_needs_no_backup(sqlite_url: str, tmp_path: Path) -> None:
    open_store(sqlite_url).close()
    assert [p.name for p in tmp_path.iterdir()] == ["mailover.db"]


def test_a_migration_that_fails_leaves_everything_as_it_was(url: str, migrations: Path) -> None:
    store = open_store(url)
    store.commit(first_fleet(), None)
    store.close()
    database = Database(url)
    broken = with_next(migrations, more='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(StorageError, match="nowhere"):
        schema.upgrade(database, migrations=broken, target="9000")
    with database.reading() as connection:
        assert "expires" not in {c["name"] for c in sa.inspect(connection).get_columns("tokens")}
    assert schema.revision(database) == SCHEMA
    database.close()


def test_agents_that_start_at_once_migrate_once(url: str) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            open_store(url).close()
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    store = open_store(url)
    assert store.load() is None
    store.close()


def test_the_file_is_its_owners_alone(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    store.commit(first_fleet(), None)
    assert {p.stat().st_mode & 0o077 for p in tmp_path.iterdir()} == {0}
    store.close()


def test_a_file_in_a_directory_not_yet_there_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/var/lib/mailover.db").close()
    with closing(sqlite3.connect(tmp_path / "var/lib/mailover.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_store_of_the_first_schema_keeps_its_health_log(url: str) -> None:
    database = Database(url)
    schema.upgrade(database, target="0001")
    row = "'ses', 'port', {truth}, {truth}, 1, 0.25, '2026-11-21T12:00:00.000000+00:00', '{{}}'"
    with database.writing() as connection:
        truth = "1" if database.dialect == "sqlite" else "true"
        columns = "provider, kind, scheduled, ok, count, seconds, at, body"
        connection.exec_driver_sql(f"INSERT INTO observations ({columns}) VALUES ({row.format(truth=truth)})")
    database.close()
    store = open_store(url)
    assert store.tallies(NOON)["ses"].checks == Sample(tries=1, ok=1)
    store.close()
