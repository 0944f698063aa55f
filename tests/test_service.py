"""The one inlet: decided, committed, then published, also when the store or another agent gets in the way."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailover.core.commands import DisableProvider, PinProvider
from mailover.core.decide import Decision
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.errors import NotFoundError, RefusedError, StorageError, UnavailableError
from mailover.service import Service, Snapshot
from mailover.storage.sql import SqlStore, open_store

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
POLICY = Policy(
    providers={
        name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in ("first", "second", "spare")
    },
    streams={"mail": Stream(name="mail", providers=("first", "second", "spare"))},
)


class HandClock:
    """Time moves when the test says so."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class FailingStore(SqlStore):
    """A real store whose disk can be full."""

    full = False

    def commit(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        if self.full:
            raise StorageError("the disk is full")
        super().commit(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FailingStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    opened.__class__ = FailingStore
    assert isinstance(opened, FailingStore)
    yield opened
    opened.close()


def a_service(store: SqlStore, clock: HandClock, identity: str = "t35t") -> Service:
    return Service(store=store, policy=POLICY, default_stream="mail", clock=clock, identity=identity)


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


BUSY = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="busy", replied=True)


def break_first(service: Service, clock: HandClock) -> Decision:
    for _ in range(3):
        clock.move(2)
        decision = service.step((seen(clock, "first", BUSY),))
    return decision


def test_three_failures_move_the_flag_and_the_events_are_stored_with_it(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    service.step()
    break_first(service, clock)
    assert service.snapshot.flags["mail"].flag.provider == "second"
    stored = store.load()
    assert stored is not None
    assert stored.streams["mail"].flag == service.snapshot.flags["mail"].flag
    types = [event.type for event in store.events().items]
    assert types == [EventType.PROVIDER_OPENED, EventType.FAILOVER_HAPPENED]


def test_a_flip_is_in_the_store_before_anybody_is_told(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    stored_when_told: list[list[EventType]] = []

    def listener(_snapshot: Snapshot, decision: Decision) -> None:
        if decision.events:
            stored_when_told.append([event.type for event in store.events().items])

    service.listen(listener)
    break_first(service, clock)
    assert stored_when_told == [[EventType.PROVIDER_OPENED, EventType.FAILOVER_HAPPENED]]


def test_the_next_process_goes_on_where_the_last_one_stopped(store: FailingStore, clock: HandClock) -> None:
    break_first(a_service(store, clock), clock)
    again = a_service(store, clock, identity="another")
    flag = again.snapshot.flags["mail"].flag
    assert (flag.provider, flag.epoch) == ("second", 2)
    assert again.snapshot.fleet.identity == "t35t"


def test_equal_epochs_are_equal_bytes(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    before = service.snapshot.flags["mail"]
    clock.move(15)
    service.step((seen(clock, "first"), seen(clock, "second")))
    assert service.snapshot.flags["mail"] is before
    break_first(service, clock)
    assert service.snapshot.flags["mail"].body != before.body
    assert service.snapshot.flags["mail"].etag == '"t35t-mail-2"'


def test_of_two_agents_the_loser_loads_and_decides_again(store: FailingStore, clock: HandClock) -> None:
    one, other = a_service(store, clock), a_service(store, clock)
    one.step((seen(clock, "first"),))
    other._adopt(store.load())
    break_first(one, clock)
    until = clock.at + timedelta(hours=1)
    other.step((PinProvider(stream="mail", provider="first", until=until),))
    flag = other.snapshot.flags["mail"].flag
    assert (flag.provider, flag.mode) == ("first", Mode.PINNED)
    types = [event.type for event in store.events().items]
    assert types == [EventType.PROVIDER_OPENED, EventType.FAILOVER_HAPPENED, EventType.STREAM_PINNED]
    stored = store.load()
    assert stored is not None
    assert not stored.breakers["first"].closed


def test_failing_away_is_published_while_the_disk_is_full_and_written_first_on_recovery(
    store: FailingStore, clock: HandClock
) -> None:
    service = a_service(store, clock)
    service.step()
    store.full = True
    break_first(service, clock)
    assert service.snapshot.flags["mail"].flag.provider == "second"
    assert not service.snapshot.recorded
    service._drain(block=False)
    clock.move(30)
    assert service.stale_seconds() == 30
    store.full = False
    clock.move(1)
    service._drain(block=False)
    service._drain(block=False)
    types = [event.type for event in store.events().items]
    assert types.index(EventType.FAILOVER_HAPPENED) < types.index(EventType.STORAGE_RECOVERED)
    assert service.snapshot.recorded
    assert service.stale_seconds() is None


def test_commands_are_refused_with_their_reason(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    later = clock.at + timedelta(hours=1)
    with pytest.raises(NotFoundError, match="no stream is called 'post'"):
        service.order(PinProvider(stream="post", provider="first", until=later))
    with pytest.raises(RefusedError, match="the pin would have ended already"):
        service.order(PinProvider(stream="mail", provider="first", until=clock.at))
    with pytest.raises(NotFoundError, match="no provider is called 'third'"):
        service.order(DisableProvider(provider="third"))
    assert store.events().items == ()


def test_a_refused_command_does_not_take_others_with_it(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    service.start()
    try:
        answers: list[object] = []

        def order(provider: str) -> None:
            try:
                answers.append(service.order(DisableProvider(provider=provider)))
            except NotFoundError as error:
                answers.append(error)

        threads = [threading.Thread(target=order, args=(name,)) for name in ("second", "nobody")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(answer).__name__ for answer in answers) == ["Decision", "NotFoundError"]
        assert not service.snapshot.fleet.breakers["second"].enabled
    finally:
        service.stop()


def test_without_an_agent_nothing_can_be_probed_by_hand(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    with pytest.raises(UnavailableError, match="no agent is running"):
        service.check("first", [ProbeKind.PORT])
    with pytest.raises(NotFoundError):
        service.check("third", [ProbeKind.PORT])


def test_a_loop_that_stopped_deciding_is_stale(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    service.step()
    clock.move(9)
    assert service.stale_seconds() is None
    clock.move(21)
    assert service.stale_seconds() == 30
    service.step()
    assert service.stale_seconds() is None


def test_a_config_that_moves_a_provider_moves_the_flag_with_it(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    service.step()
    moved = Policy(
        providers={**POLICY.providers, "first": Provider(name="first", host="eu.first.example", port=2525)},
        streams=POLICY.streams,
    )
    service.reload(moved, "mail")
    service._drain(block=False)
    flag = service.snapshot.flags["mail"].flag
    assert (flag.host, flag.port, flag.epoch) == ("eu.first.example", 2525, 2)


def test_more_facts_than_one_batch_are_all_heard(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    for _ in range(501):
        service.hear(seen(clock, "first"))
    service._drain(block=False)
    service._drain(block=False)
    assert len(store.observations(limit=1000).items) == 501


def test_a_listener_with_a_defect_undoes_no_decision_and_keeps_no_other_from_hearing(
    store: FailingStore, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    service = a_service(store, clock)
    heard: list[Decision] = []

    def broken(_snapshot: Snapshot, _decision: Decision) -> None:
        raise RuntimeError("a defect")

    service.listen(broken)
    service.listen(lambda _, decision: heard.append(decision))
    assert (
        service.order(PinProvider(stream="mail", provider="spare", until=START + timedelta(hours=1), by="me")) in heard
    )
    assert service.snapshot.flags["mail"].flag.provider == "spare"
    assert "somebody could not be told of a decision" in caplog.text


def test_one_bad_fact_does_not_take_its_batch_with_it(store: FailingStore, clock: HandClock) -> None:
    service = a_service(store, clock)
    service.hear(seen(clock, "first"))
    service.hear(object())  # type: ignore[arg-type]
    service.hear(seen(clock, "second"))
    service._drain(block=False)
    assert {each.provider for each in store.observations().items} == {"first", "second"}
