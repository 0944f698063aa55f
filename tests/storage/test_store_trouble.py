"""A store in trouble: every failure is a StorageError, nothing is half written, nothing waits for ever."""

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from postgres import Postgres
from samples import at, event, first_fleet, next_fleet, probed

from mailover.core.interest import Interest
from mailover.errors import StorageError, StorageFullError
from mailover.secrets import Secret
from mailover.storage.hooks import Subscription, Terms
from mailover.storage.setting_aside import mark_of
from mailover.storage.sql import SqlStore, open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailover.db"


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[SqlStore]:
    store = open_store(sqlite_url)
    store.commit(first_fleet(), None)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "storage.url is not a database URL"),
        ("mysql://root:hunter2@localhost/x", "mysql is not supported"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("postgresql://user:hunter2@localhost:x/y", "storage.url is not a database URL"),
    ],
)
def test_an_unusable_url_is_refused_without_its_password(address: str, said: str) -> None:
    with pytest.raises(StorageError, match=said) as refused:
        open_store(address)
    assert "hunter2" not in str(refused.value)


def test_a_missing_driver_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where the extra was not installed
    with pytest.raises(StorageError, match=r"not installed: pip install 'psycopg\[binary\]'"):
        open_store("postgresql+psycopg://user:hunter2@127.0.0.1:1/mailover")


def test_a_server_that_is_away_is_a_storage_error_without_its_password() -> None:
    with pytest.raises(StorageError, match="the store could not be read") as failed:
        open_store("postgresql://user:hunter2@127.0.0.1:1/mailover")
    assert "hunter2" not in str(failed.value)
    assert failed.value.__cause__ is not None


def test_a_store_locked_by_somebody_else_says_so_in_time(sqlite_store: SqlStore, file: Path) -> None:
    fleet = sqlite_store.load()
    assert fleet is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StorageError, match="the store could not be written: database is locked"):
            sqlite_store.commit(next_fleet(fleet), fleet)
        assert time.monotonic() - began < 20
        assert sqlite_store.load() == fleet
    sqlite_store.commit(next_fleet(fleet), fleet)


def test_a_full_disk_loses_the_commit_and_nothing_else(sqlite_store: SqlStore) -> None:
    fleet = sqlite_store.load()
    assert fleet is not None
    with sqlite_store._database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    many = [event(n, text="x" * 1000) for n in range(1, 100)]
    with pytest.raises(StorageFullError, match="database or disk is full"):
        sqlite_store.commit(next_fleet(fleet), fleet, events=many)
    assert sqlite_store.load() == fleet
    assert sqlite_store.events().items == ()
    with sqlite_store._database.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    sqlite_store.commit(next_fleet(fleet), fleet, events=many)
    assert len(sqlite_store.events().items) == 99


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write what is read-only")
def test_a_read_only_file_is_not_writable(sqlite_store: SqlStore, file: Path) -> None:
    file.chmod(0o400)
    sqlite_store.close()
    assert not sqlite_store.writable()


def test_a_store_that_is_gone_is_not_writable(sqlite_store: SqlStore, file: Path) -> None:
    assert sqlite_store.writable()
    sqlite_store.close()
    file.unlink()
    file.mkdir()
    assert not sqlite_store.writable()


def test_a_file_that_is_no_database_is_set_aside(sqlite_url: str, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text("this was never a database, and it is longer than a header of one hundred bytes. " * 20)
    store = open_store(sqlite_url)
    assert store.load() is None
    store.close()
    (aside,) = file.parent.glob("mailover.db.damaged-*")
    assert aside.read_text().startswith("this was never a database")
    assert "set aside" in caplog.text


def test_a_damaged_database_is_set_aside_with_its_log(sqlite_url: str, file: Path) -> None:
    store = open_store(sqlite_url)
    fleet = first_fleet()
    store.commit(fleet, None, events=[event(n, text="x" * 3000) for n in range(1, 50)])
    store.close()
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (file.stat().st_size - 8192))
    store = open_store(sqlite_url)
    assert store.load() is None
    store.commit(fleet, None)
    store.close()
    assert len(list(file.parent.glob("mailover.db.damaged-*"))) == 1


def test_what_was_not_saved_to_the_end_is_saved_anew(sqlite_url: str, file: Path) -> None:
    store = open_store(sqlite_url)
    store.commit(first_fleet(), None)
    store.add_token("app", "0" * 64, ["read"], at(0))
    store.close()
    aside = file.rename(file.with_name("mailover.db.damaged-20261121T120000"))
    open_store(sqlite_url).close()
    mark_of(file).write_text(f"{aside.name}\n")
    store = open_store(sqlite_url)
    assert [token.name for token in store.tokens()] == ["app"]
    assert store.damage is not None
    store.close()
    assert not mark_of(file).exists()
    store = open_store(sqlite_url)
    assert (store.damage, [token.name for token in store.tokens()]) == (None, ["app"])
    store.close()


def test_a_log_that_went_aside_alone_is_followed_by_its_file(
    sqlite_store: SqlStore, sqlite_url: str, file: Path
) -> None:
    aside = file.with_name("mailover.db.damaged-20261121T120000")
    Path(f"{file}-wal").rename(f"{aside}-wal")
    mark_of(file).write_text(f"{aside.name}\n")
    store = open_store(sqlite_url)
    saved = store.load()
    assert saved is not None
    assert saved.streams == first_fleet().streams
    store.close()


def test_while_one_process_saves_no_other_opens_what_is_not_whole(sqlite_url: str, file: Path) -> None:
    with mark_of(file).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another process is saving"):
            open_store(sqlite_url)
    open_store(sqlite_url).close()
    assert not mark_of(file).exists()


def test_what_matters_is_saved_from_a_store_with_a_damaged_page(sqlite_url: str, file: Path) -> None:
    store = open_store(sqlite_url)
    fleet = next_fleet(first_fleet(), events=400)
    store.commit(first_fleet(), None)
    seen = [replace(probed("ses", n), facts={"text": "x" * 900}) for n in range(300)]
    happened = [event(n, text="y" * 50) for n in range(1, 400)]
    store.commit(fleet, first_fleet(), events=happened, observations=seen, endpoints=lambda _event: ["slack"])
    store.add_token("app", "0" * 64, ["read"], at(0))
    terms = Terms(url="https://tool.example/", interest=Interest(), by="n8n")
    subscribed = Subscription(id="sub_1", key="one", terms=terms, secret=Secret("first"), created_at=at(0))
    store.hooks.subscribe(subscribed, keep_old_until=None)
    with store._database.reading() as connection:
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'observations'").scalar_one()
    store.close()
    with file.open("r+b") as raw:
        raw.seek(4096 * (root - 1))
        raw.write(b"\xff" * 4096)
    store = open_store(sqlite_url)
    saved = store.load()
    assert saved is not None
    assert (saved.version, saved.streams) == (fleet.version, fleet.streams)
    assert saved.events > 400
    assert [token.name for token in store.tokens()] == ["app"]
    assert store.hooks.subscriptions() == (subscribed,)
    assert store.events(limit=1000).items == tuple(happened)
    assert [each.pending for each in store.backlogs()] == [399]
    assert store.observations().items == ()
    store.close()


def test_a_server_that_forgot_its_connections_is_dialled_again(postgres: Postgres | None, postgres_url: str) -> None:
    assert postgres is not None
    store = open_store(postgres_url)
    store.commit(first_fleet(), None)
    postgres.hang_up(postgres_url)
    assert store.load() == first_fleet()
    assert store.writable()
    store.close()


def test_a_closed_store_opens_again_by_itself(store: SqlStore) -> None:
    store.commit(first_fleet(), None)
    store.close()
    fleet = store.load()
    assert fleet == first_fleet()
    store.commit(next_fleet(first_fleet(), decided_at=at(1)), first_fleet())
