"""The service over a real store in trouble: said clearly, failing away is published, and written first on recovery."""

import os
import re
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from samples import NOON

from mailover.core.decide import Decision
from mailover.core.events import Event, EventType
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.errors import StorageError
from mailover.service import Service
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.store import Store
from webhooks.app import create_app
from webhooks.auth import Gate
from webhooks.parts import EXTENSION

NAMES = ("first", "second", "spare")
POLICY = Policy(
    providers={name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in NAMES},
    streams={"mail": Stream(name="mail", providers=NAMES)},
)
BUSY = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="busy", replied=True)
NOBODY = 65534


class HandClock:
    """Time moves when the test says so."""

    at = NOON

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailover.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def service(store: SqlStore, clock: HandClock) -> Service:
    made = a_service(store, clock)
    made.step(tuple(seen(clock, name) for name in NAMES))
    return made


def a_service(store: SqlStore, clock: HandClock) -> Service:
    return Service(
        store=store,
        policy=POLICY,
        default_stream="mail",
        clock=clock,
        identity="t35t",
        endpoints=lambda _event: ["slack"],
    )


def seen(clock: HandClock, provider: str, failure: Failure | None = None) -> Observation:
    return Observation(
        provider=provider,
        purpose=Purpose.SCHEDULED,
        depth=Depth.PORT,
        failure=failure,
        started_at=clock.at,
        finished_at=clock.at,
        probe=ProbeKind.PORT,
    )


def go_on(service: Service, clock: HandClock, *observations: Observation, seconds: float = 2) -> Decision:
    clock.at += timedelta(seconds=seconds)
    decision = service.step(observations)
    service._drain(block=False)
    return decision


def break_first(service: Service, clock: HandClock) -> None:
    for _ in range(3):
        go_on(service, clock, seen(clock, "first", BUSY))


def stored(store: Store) -> list[Event]:
    return list(store.events(limit=1000).items)


# -- kinds of trouble -------------------------------------------------------------------------------------------------


@contextmanager
def full_disk(file: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the log has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{file}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only_file(file: Path) -> Iterator[None]:
    """As after a remount: whoever opens it anew may only read."""
    files = [file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-shm"))]
    with powerless([file.parent, *(path for path in files if path.exists())]):
        for path in files:
            if path.exists():
                path.chmod(0o444)
        try:
            yield
        finally:
            for path in files:
                if path.exists():
                    path.chmod(0o600)


@contextmanager
def powerless(mine: list[Path]) -> Iterator[None]:
    """Be somebody to whom permissions mean something, and own these paths."""
    if os.geteuid() != 0:
        yield
        return
    before = [(path, path.stat().st_mode) for path in (*mine[0].parents, *mine)]
    for path in mine:
        os.chown(path, NOBODY, -1)
    for path in mine[0].parents:
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for path, mode in before:
            if path.exists():
                path.chmod(mode)


@contextmanager
def locked_by_another(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def gone(file: Path) -> Iterator[None]:
    """The file is moved away, and put back."""
    elsewhere = file.with_name("elsewhere.db")
    file.rename(elsewhere)
    yield
    elsewhere.rename(file)


@contextmanager
def replaced(file: Path) -> Iterator[None]:
    """Somebody restores a backup under a running agent, and takes it back."""
    original = file.with_name("original.db")
    file.rename(original)
    file.write_bytes(original.read_bytes())
    yield
    original.replace(file)


TROUBLES = [
    pytest.param(full_disk, "disk I/O error|disk is full", id="full"),
    pytest.param(locked_by_another, "database is locked", id="locked"),
    pytest.param(gone, "is gone: put it back", id="gone"),
    pytest.param(replaced, "was replaced by another", id="replaced"),
]


@pytest.mark.parametrize(("trouble", "said"), TROUBLES)
def test_failing_away_is_published_and_written_first_when_the_store_is_back(
    service: Service, clock: HandClock, file: Path, trouble: Callable[[Path], AbstractContextManager[None]], said: str
) -> None:
    store = service.store
    before = stored(store)
    with trouble(file):
        break_first(service, clock)
        flag = service.snapshot.flags["mail"].flag
        assert (flag.provider, service.snapshot.recorded) == ("second", False)
        go_on(service, clock, seconds=30)
        assert (service.stale_seconds() or 0) >= 30
    go_on(service, clock, seconds=60)
    go_on(service, clock)
    new = stored(store)[len(before) :]
    types = [event.type for event in new]
    assert types[-1] is EventType.STORAGE_RECOVERED
    assert sorted(types[:-1]) == [EventType.FAILOVER_HAPPENED, EventType.PROVIDER_OPENED, EventType.STORAGE_FAILING]
    failing = next(event for event in new if event.type is EventType.STORAGE_FAILING)
    assert re.search(said, failing.because)
    assert service.snapshot.recorded
    assert service.stale_seconds() is None
    assert store.backlogs()[0].pending == len(stored(store))
    fleet = store.load()
    assert fleet is not None
    assert fleet.streams["mail"].flag == service.snapshot.flags["mail"].flag


def test_a_read_only_store_is_said_and_the_last_flag_is_served(
    service: Service, store: SqlStore, clock: HandClock, file: Path
) -> None:
    store.close()
    with read_only_file(file):
        break_first(service, clock)
        assert service.snapshot.flags["mail"].flag.provider == "second"
        assert service.snapshot.fleet.store_failing_since is not None
        assert not store.writable()
        store.close()
    go_on(service, clock, seconds=60)
    go_on(service, clock)
    (failing,) = store.events(types=[EventType.STORAGE_FAILING]).items
    assert re.search("readonly|unable to open", failing.because)
    assert [e.type for e in stored(store)][-1] is EventType.STORAGE_RECOVERED


def test_a_locked_store_makes_nobody_look_down_and_loses_no_observation(
    service: Service, store: SqlStore, clock: HandClock, file: Path
) -> None:
    heard = len(store.observations(limit=1000).items)
    with locked_by_another(file):
        for _ in range(4):
            go_on(service, clock, *(seen(clock, name) for name in NAMES), seconds=15)
        assert all(breaker.closed for breaker in service.snapshot.fleet.breakers.values())
        assert service.snapshot.flags["mail"].flag.provider == "first"
    go_on(service, clock, seconds=15)
    go_on(service, clock)
    assert len(store.observations(limit=1000).items) == heard + 12
    assert {e.type for e in stored(store)} <= {EventType.STORAGE_FAILING, EventType.STORAGE_RECOVERED}


def test_only_the_first_wait_for_a_lock_is_a_long_one(
    service: Service, clock: HandClock, file: Path, store: SqlStore
) -> None:
    with locked_by_another(file):
        go_on(service, clock, seen(clock, "first"))
        began = time.monotonic()
        for _ in range(3):
            go_on(service, clock, seen(clock, "first"))
        assert time.monotonic() - began < 4
    go_on(service, clock, seen(clock, "first"))
    assert store.writable()


def test_a_log_that_is_deleted_under_a_running_agent_is_saved(
    service: Service, store: SqlStore, clock: HandClock, file: Path
) -> None:
    break_first(service, clock)
    before = stored(store)
    Path(f"{file}-wal").unlink()
    Path(f"{file}-shm").unlink()
    go_on(service, clock, seen(clock, "spare"))
    go_on(service, clock, seen(clock, "spare"))
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as another:
        assert another.execute("SELECT count(*) FROM events").fetchone() == (len(before),)
        assert another.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert stored(store) == before
    assert service.snapshot.recorded


def test_a_damaged_store_is_an_alert_and_the_new_one_works(file: Path, clock: HandClock) -> None:
    file.write_bytes(b"this was never a database. " * 300)
    store = open_store(f"sqlite:///{file}")
    service = a_service(store, clock)
    service.start()
    service.stop()
    failing, recovered = (e for e in stored(store) if e.subject == "agent" and e.type is not EventType.AGENT_STARTED)
    assert (failing.type, recovered.type) == (EventType.STORAGE_FAILING, EventType.STORAGE_RECOVERED)
    assert "it was damaged and is set aside as mailover.db.damaged-" in failing.because
    store.close()


class ForgetfulStore(SqlStore):
    """A real store whose answer to a commit is lost."""

    silent = False

    def commit(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        super().commit(*args, **kwargs)  # type: ignore[arg-type]
        if self.silent:
            raise StorageError("the server closed the connection unexpectedly")


def test_a_commit_whose_answer_was_lost_is_not_written_twice(
    service: Service, store: SqlStore, clock: HandClock
) -> None:
    store.__class__ = ForgetfulStore
    assert isinstance(store, ForgetfulStore)
    go_on(service, clock, seen(clock, "first", BUSY))
    go_on(service, clock, seen(clock, "first", BUSY))
    store.silent = True
    clock.at += timedelta(seconds=2)
    service.step((seen(clock, "first", BUSY),))
    store.silent = False
    go_on(service, clock)
    go_on(service, clock)
    types = [event.type for event in stored(store)]
    assert sorted(types) == sorted(set(types))
    assert {EventType.FAILOVER_HAPPENED, EventType.STORAGE_FAILING, EventType.STORAGE_RECOVERED} <= set(types)
    assert service.snapshot.recorded


def test_what_is_owed_does_not_take_the_ids_of_what_another_agent_did_meanwhile(
    service: Service, store: SqlStore, clock: HandClock, file: Path
) -> None:
    other = a_service(store, clock)
    with full_disk(file):
        break_first(service, clock)
    break_first(other, clock)
    go_on(service, clock)
    go_on(service, clock)
    ids = [event.id for event in stored(store)]
    assert len(ids) == len(set(ids))
    assert service.snapshot.recorded
    types = [event.type for event in stored(store)]
    assert types.count(EventType.FAILOVER_HAPPENED) == 2  # both agents moved the flag, each knew nothing of the other


def test_readiness_says_that_the_store_fails(service: Service, store: SqlStore, clock: HandClock, file: Path) -> None:
    app = create_app(service, Gate([], store.tokens, loopback=True))
    client = app.test_client()
    try:
        assert client.get("/readyz", base_url="http://localhost").status_code == 200
        with full_disk(file):
            break_first(service, clock)
            answer = client.get("/readyz", base_url="http://localhost")
            assert (answer.status_code, answer.get_json()["store_writable"]) == (503, False)
            flag = client.get("/v1/active-provider", base_url="http://localhost")
            assert (flag.status_code, flag.get_json()["provider"]) == (200, "second")
        go_on(service, clock)
        go_on(service, clock)
        assert client.get("/readyz", base_url="http://localhost").status_code == 200
    finally:
        app.extensions[EXTENSION].close()
