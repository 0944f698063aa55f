import threading
from datetime import UTC, datetime

from mailover.core.decide import Decision
from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import Fleet
from mailover.core.policy import Policy
from mailover.demo.diary import Diary, Entry
from mailover.service import Snapshot

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
FLEET = Fleet(identity="abc", decided_at=AT, resumed_at=AT, breakers={}, streams={})
SNAPSHOT = Snapshot(fleet=FLEET, policy=Policy(providers={}, streams={}), flags={}, default_stream="transactional")


def decision(*kinds: EventType) -> Decision:
    events = [
        Event(id=str(kind), type=kind, subject="agent", at=AT, severity=Severity.INFO, because=f"because of {kind}")
        for kind in kinds
    ]
    return Decision(fleet=FLEET, events=tuple(events))


def test_every_event_of_a_decision_is_an_entry_of_its_own() -> None:
    diary = Diary()
    diary.hear(SNAPSHOT, decision(EventType.PROVIDER_OPENED, EventType.FAILOVER_HAPPENED))
    assert [entry.text for entry in diary.entries] == ["because of provider.opened", "because of failover.happened"]


def test_a_reader_gets_the_past_and_the_future_in_order() -> None:
    diary, told = Diary(), list[Entry]()
    diary.note("one")
    diary.follow(told.append)
    diary.note("two")
    assert [entry.text for entry in told] == ["one", "two"]


def test_seconds_are_counted_from_the_first_page() -> None:
    instants = iter([100.0, 102.5])
    assert Diary(now=lambda: next(instants)).note("later").seconds == 2.5


def test_waiting_finds_what_is_already_written_but_not_what_came_before() -> None:
    diary = Diary()
    diary.hear(SNAPSHOT, decision(EventType.FAILOVER_HAPPENED))
    first = diary.note("from here")
    assert diary.wait_for(EventType.FAILOVER_HAPPENED, after=first, within=0.01) is None
    diary.hear(SNAPSHOT, decision(EventType.FAILOVER_HAPPENED))
    found = diary.wait_for(EventType.FAILOVER_HAPPENED, after=first, within=0.01)
    assert found is diary.entries[-1]


def test_waiting_is_woken_by_another_thread() -> None:
    diary = Diary()
    start = diary.note("start")
    writer = threading.Timer(0.05, diary.hear, (SNAPSHOT, decision(EventType.FAILBACK_HAPPENED)))
    writer.start()
    assert diary.wait_for(EventType.FAILBACK_HAPPENED, after=start, within=20) is not None
    writer.join()
