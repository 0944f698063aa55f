"""The queue on a bad day: a full disk, a lock, a damaged file. No new mail then, and nothing of the old is lost."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from letters import US, content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate, QueueDepth, Suppression
from mailover.errors import StorageError, StorageFullError
from mailover.storage.reserve import Reserve
from mailover.storage.sql import SqlStore, open_store

KIB, MIB = 1024, 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a disk of its own can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """To the last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (64 * KIB, 4 * KIB, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


@pytest.fixture
def small_store(small_disk: Path) -> Iterator[SqlStore]:
    store = open_store(f"sqlite:///{small_disk}/mailover.db")
    store.mail._reserve = Reserve(small_disk / "mailover.db", 8 * MIB)
    yield store
    store.close()


def test_on_a_full_disk_no_mail_is_kept_and_what_is_queued_is_settled(small_store: SqlStore, small_disk: Path) -> None:
    put(small_store, *(mail(n) for n in range(1, 301)))
    assert (small_disk / "mailover.db-reserve").stat().st_size == 8 * MIB
    ballast = fill(small_disk)
    big = mail(401, size=200_000)
    with pytest.raises(StorageFullError):
        small_store.mail.put([(big, bytes(200_000), "big")], holder=US, until=at(60))
    for n in range(1, 301):
        settle(small_store, fared(mail(n), Fate.DELIVERED))
        if n == 20:
            with pytest.raises(StorageFullError, match="no new mail is kept"):
                put(small_store, mail(402))
    assert small_store.mail.depths()["transactional"].queued == 0
    small_store.mail.suppress([Suppression(address="a@example.net", reason="bounce", at=at(1))])
    assert small_store.mail.drop(["msg_000001"], at(1)) == 0
    ballast.unlink()
    put(small_store, mail(403))
    assert (small_disk / "mailover.db-reserve").exists()


def test_a_start_on_a_full_disk_uses_the_reserve_and_settles_what_is_queued(
    small_store: SqlStore, small_disk: Path
) -> None:
    put(small_store, mail(1))
    small_store.close()
    fill(small_disk)
    store = open_store(f"sqlite:///{small_disk}/mailover.db")
    settle(store, fared(mail(1), Fate.DELIVERED))
    assert fates(store) == [Fate.DELIVERED]
    with pytest.raises(StorageFullError):
        put(store, mail(2))
    store.close()


def test_a_start_on_a_full_disk_without_a_reserve_says_what_is_lacking(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/mailover.db"
    open_store(url).close()
    fill(small_disk)
    with pytest.raises(StorageFullError):
        open_store(url)


def test_a_disk_without_room_for_the_reserve_takes_no_mail(small_store: SqlStore, small_disk: Path) -> None:
    ballast = fill(small_disk)
    with pytest.raises(StorageFullError, match="only 0 MiB are free"):
        put(small_store, mail(1))
    assert not (small_disk / "mailover.db-reserve").exists()
    ballast.unlink()
    put(small_store, mail(1))
    assert fates(small_store) == [Fate.QUEUED]


def test_a_database_at_its_limit_refuses_mail_and_settles(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    put(store, *(mail(n) for n in range(1, 20)))
    with store._database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFullError):
        store.mail.put([(mail(30, size=10**6), bytes(10**6), "big")], holder=US, until=at(60))
    settle(store, *(fared(mail(n), Fate.DELIVERED) for n in range(1, 20)))
    assert store.mail.depths() == {"transactional": QueueDepth(stream="transactional")}
    store.close()


def test_a_locked_queue_says_so_and_loses_nothing(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    put(store, mail(1))
    with closing(sqlite3.connect(tmp_path / "mailover.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="database is locked"):
            put(store, mail(2))
        with pytest.raises(StorageError, match="database is locked"):
            settle(store, fared(mail(1), Fate.DELIVERED))
        assert fates(store) == [Fate.QUEUED]
    settle(store, fared(mail(1), Fate.DELIVERED))
    put(store, mail(2))
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write what is read-only")
def test_a_read_only_queue_refuses_mail(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    put(store, mail(1))
    store.close()
    (tmp_path / "mailover.db").chmod(0o400)
    with pytest.raises(StorageError):
        put(store, mail(2))


# -- a damaged file ---------------------------------------------------------------------------------------------------


def pages_of(file: Path, table: str) -> list[int]:
    """The numbers of a table's pages."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            found = connection.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno", [table])
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no dbstat")
        return [number for (number,) in found]


def wreck(file: Path, page: int) -> None:
    with file.open("r+b") as raw:
        raw.seek(4096 * (page - 1))
        raw.write(b"\xff" * 4096)


def filled(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    queue(store, *(mail(n, because="x" * 500) for n in range(1, 401)))
    put(store, mail(500), mail(501))
    settle(store, fared(mail(500), Fate.FAILED), fared(mail(501), Fate.DELIVERED))
    store.mail.suppress([Suppression(address="a@example.net", reason="bounce", at=at(1))])
    store.mail.pause("marketing", paused=True)
    store.mail.use(at(0).date(), {"ses": 7})
    store.close()


def test_queued_mail_is_saved_from_a_store_whose_other_pages_are_damaged(sqlite_url: str, tmp_path: Path) -> None:
    filled(sqlite_url)
    wreck(tmp_path / "mailover.db", pages_of(tmp_path / "mailover.db", "observations")[0])
    store = open_store(sqlite_url)
    assert store.damage is not None
    assert len(ids(lease(store, limit=1000))) == 400
    assert store.mail.content("msg_000500") == content_of(500)
    assert fates(store, 501) == [Fate.DELIVERED]
    assert store.mail.depths()["transactional"].failed == 1
    assert store.mail.depths()["marketing"].paused
    assert store.mail.used(at(0).date()) == {"ses": 7}
    assert "a@example.net" in store.mail.suppressed(["a@example.net"])
    assert [m.id for m in store.mail.mails(recipient="user7@example.net").items] == ["msg_000007"]
    store.close()


def test_of_a_damaged_queue_every_mail_is_saved_and_lost_records_leave_their_content(
    sqlite_url: str, tmp_path: Path
) -> None:
    filled(sqlite_url)
    file = tmp_path / "mailover.db"
    pages = pages_of(file, "mails")
    for page in (pages[len(pages) // 4], pages[len(pages) // 2]):
        wreck(file, page)
    store = open_store(sqlite_url)
    saved = ids(lease(store, limit=1000))
    assert 360 < len(saved) < 400
    dead = {m.id for m in store.mail.mails(fate=Fate.FAILED).items} - {"msg_000500"}
    assert dead == {mail(n).id for n in range(1, 401)} - set(saved)
    assert all(store.mail.content(each) == content_of(int(each[4:])) for each in dead)
    assert store.mail.depths()["transactional"].queued == len(saved)
    store.close()


def test_mail_whose_content_was_damaged_is_a_dead_letter_and_the_others_are_sent(
    sqlite_url: str, tmp_path: Path
) -> None:
    filled(sqlite_url)
    file = tmp_path / "mailover.db"
    pages = pages_of(file, "mail_contents")
    wreck(file, pages[len(pages) // 2])
    store = open_store(sqlite_url)
    saved = ids(lease(store, limit=1000))
    assert 300 < len(saved) < 400
    dead = [m.id for m in store.mail.mails(fate=Fate.FAILED, limit=1000).items]
    assert len(dead) == 401 - len(saved)
    assert store.mail.depths()["transactional"].failed == len(dead)
    store.close()
