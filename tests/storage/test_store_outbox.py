"""The durable outbox, on both databases."""

import threading

import pytest
import sqlalchemy as sa
from samples import LEASE, NOON, at, event, first_fleet, next_fleet, settle

from mailover.core.events import Event
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.store import Backlog, Delivery, Store


def send(store: Store, *events: Event, to: tuple[str, ...] = ("slack",)) -> None:
    previous = store.load()
    fleet = first_fleet() if previous is None else next_fleet(previous)
    store.commit(fleet, previous, events=events, endpoints=lambda _event: to)


def due(store: Store, second: float = 10, endpoint: str | None = None) -> list[Delivery]:
    return list(store.outbox_due(endpoint, now=at(second), limit=10, lease=LEASE))


def test_an_event_waits_for_each_of_its_endpoints(store: Store) -> None:
    send(store, event(1), to=("slack", "hook", "slack"))
    assert [(d.endpoint, d.event, d.attempts) for d in due(store)] == [("slack", event(1), 0), ("hook", event(1), 0)]


def test_an_event_without_endpoint_waits_for_nobody(store: Store) -> None:
    send(store, event(1), to=())
    assert due(store) == []
    assert store.outbox_next_due("slack") is None


def test_events_of_one_endpoint_go_one_after_the_other(store: Store) -> None:
    send(store, event(1), event(2))
    (first,) = due(store)
    assert due(store) == []
    settle(store, first)
    (second,) = due(store)
    assert (first.event, second.event) == (event(1), event(2))


def test_a_postponed_event_holds_back_those_behind_it_and_nobody_else(store: Store) -> None:
    send(store, event(1), event(2), to=("slack", "hook"))
    slack, hook = due(store)
    settle(store, slack, due_at=at(60), error="503\0 Service Unavailable")
    settle(store, hook)
    assert [(d.endpoint, d.event) for d in due(store, 59)] == [("hook", event(2))]
    (again,) = due(store, 60, "slack")
    assert (again.event, again.attempts, again.last_error) == (event(1), 1, "503  Service Unavailable")


def test_a_buried_event_holds_back_nothing(store: Store) -> None:
    send(store, event(1), event(2))
    (first,) = due(store)
    settle(store, first, error="404 no_service")
    assert [d.event for d in due(store)] == [event(2)]


def test_a_worker_that_died_gives_its_event_back_when_the_lease_ends(store: Store) -> None:
    send(store, event(1))
    (first,) = due(store, 10)
    assert due(store, 39) == []
    (again,) = due(store, 40)
    assert (again.seq, again.attempts) == (first.seq, 0)


def test_a_settled_event_stays_settled(store: Store) -> None:
    send(store, event(1))
    (first,) = due(store, 10)
    (again,) = due(store, 50)
    settle(store, again)
    settle(store, first, due_at=at(60), error="the slow worker speaks too late")
    assert due(store, 1000) == []


def test_the_outbox_says_when_there_is_something_to_do(store: Store) -> None:
    send(store, event(1))
    assert store.outbox_next_due("slack") == at(1)
    (first,) = due(store, 10)
    assert store.outbox_next_due("slack") == at(10) + LEASE
    settle(store, first, due_at=at(20), error="500")
    assert store.outbox_next_due("slack") == at(20)


def test_an_instant_written_under_a_clock_far_ahead_delays_nothing(store: Store) -> None:
    send(store, event(1))
    (first,) = due(store)
    settle(store, first, due_at=at(10 * 365 * 86400), error="500")
    assert len(due(store, 20)) == 1


def test_an_event_that_cannot_be_read_is_buried(store: SqlStore) -> None:
    send(store, event(1), event(2))
    with store._database.writing() as connection:
        connection.execute(sa.text("UPDATE events SET body = '[]' WHERE seq = 1"))
    assert due(store) == []
    assert [d.event for d in due(store)] == [event(2)]


@pytest.mark.parametrize("workers", [3])
def test_workers_share_the_endpoints_without_doing_anything_twice(store: Store, url: str, workers: int) -> None:
    endpoints = tuple(f"hook{n}" for n in range(8))
    send(store, *(event(n) for n in range(1, 6)), to=endpoints)
    done: list[tuple[str, str]] = []

    def work(own: SqlStore) -> None:
        idle = 0
        while idle < 20 and len(done) < 40:
            leased = own.outbox_due(None, now=NOON, limit=2, lease=LEASE)
            idle = 0 if leased else idle + 1
            for delivery in leased:
                done.append((delivery.endpoint, delivery.event.id))
                settle(own, delivery)

    stores = [open_store(url) for _ in range(workers)]
    threads = [threading.Thread(target=work, args=(own,)) for own in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for own in stores:
        own.close()
    for endpoint in endpoints:
        assert [e for name, e in done if name == endpoint] == [event(n).id for n in range(1, 6)]


def test_a_backlog_tells_what_waits_since_when_and_what_was_given_up(store: Store) -> None:
    send(store, event(1), event(2), event(3), to=("slack", "hook"))
    slack, hook = due(store)
    settle(store, slack, error="gone")
    settle(store, hook)
    assert store.backlogs() == (
        Backlog(endpoint="hook", pending=2, buried=0, oldest_at=at(2)),
        Backlog(endpoint="slack", pending=2, buried=1, oldest_at=at(2)),
    )


def test_a_backlog_that_is_worked_off_is_empty(store: Store) -> None:
    send(store, event(1))
    (only,) = due(store)
    settle(store, only)
    assert store.backlogs() == (Backlog(endpoint="slack", pending=0, buried=0, oldest_at=None),)
