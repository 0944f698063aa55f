"""What a commit promises, on both databases."""

import threading
from dataclasses import replace

import pytest
from samples import NOON, at, event, first_fleet, incident, next_fleet, probed

from mailover.core.breaker import Run, Signal, move
from mailover.core.events import Event
from mailover.core.fleet import Blindness, Pin, Reporter
from mailover.core.observations import Depth, Failure, FailureKind, Stage
from mailover.core.windows import Bucket
from mailover.errors import VersionConflictError
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.store import Store


def test_a_new_store_has_no_fleet(store: Store) -> None:
    assert store.load() is None


def test_a_fleet_comes_back_as_it_was(store: Store) -> None:
    fleet = first_fleet()
    failure = Failure(kind=FailureKind.AUTH, stage=Stage.AUTH, text="535 5.7.8 no", code=535, replied=True)
    run = Run(depth=Depth.LOGIN, since=NOON, begun_at=NOON, length=2, replied=2, same=2, failure=failure)
    failing = replace(fleet.breakers["ses"], runs={Depth.LOGIN: run}, windows={Depth.PORT: (Bucket(at=NOON, tries=3),)})
    pinned = replace(fleet.streams["transactional"], pin=Pin(provider="ses", until=at(3600), by="ann"))
    fleet = replace(
        fleet,
        breakers={**fleet.breakers, "ses": failing, "postmark": move(fleet.breakers["postmark"], Signal.FAILED, NOON)},
        streams={"transactional": pinned},
        reporters={"app": Reporter(muted_until=at(2), mute=at(2) - NOON)},
        blindness=Blindness(since=NOON, because="nothing answers", look_at=at(15)),
        incidents={"provider/postmark": incident(1)},
    )
    store.commit(fleet, None)
    assert store.load() == fleet


def test_only_what_changed_differs_after_the_next_commit(store: Store) -> None:
    first = first_fleet()
    store.commit(first, None)
    disabled = move(first.breakers["ses"], Signal.DISABLED, at(1))
    second = next_fleet(first, breakers={**first.breakers, "ses": disabled}, decided_at=at(1))
    store.commit(second, first)
    assert store.load() == second


def test_a_provider_that_left_the_fleet_leaves_the_store(store: Store) -> None:
    first = first_fleet("postmark", "ses")
    store.commit(first, None)
    second = next_fleet(first, breakers={"ses": first.breakers["ses"]})
    store.commit(second, first)
    assert store.load() == second


def test_a_fleet_and_its_events_are_written_together_or_not_at_all(store: Store) -> None:
    first = first_fleet()
    store.commit(first, None)

    def fail_at_the_last_step(_event: Event) -> tuple[str, ...]:
        raise RuntimeError("the process fell over")

    with pytest.raises(RuntimeError):
        store.commit(
            next_fleet(first, events=1),
            first,
            events=[event(1)],
            observations=[probed("ses", 1)],
            incidents=[incident(1)],
            endpoints=fail_at_the_last_step,
        )
    assert store.load() == first
    assert store.events().items == store.observations().items == store.incidents().items == ()


def test_the_loser_of_two_committers_writes_nothing(store: Store) -> None:
    first = first_fleet()
    store.commit(first, None)
    winner = next_fleet(first, decided_at=at(1))
    store.commit(winner, first, events=[event(1)])
    with pytest.raises(VersionConflictError):
        store.commit(next_fleet(first, decided_at=at(2)), first, events=[event(2)], observations=[probed("ses", 1)])
    assert store.load() == winner
    assert [e.id for e in store.events().items] == [event(1).id]
    assert store.observations().items == ()


def test_a_second_founder_loses(store: Store) -> None:
    store.commit(first_fleet(), None)
    with pytest.raises(VersionConflictError):
        store.commit(first_fleet(), None)


def test_a_version_never_goes_backwards(store: Store) -> None:
    first = first_fleet()
    store.commit(first, None)
    with pytest.raises(ValueError, match="version 1 cannot follow version 1"):
        store.commit(first, first)


def test_agents_that_decide_at_once_lose_no_decision(store: SqlStore, url: str) -> None:
    store.commit(first_fleet(), None)

    def decide_often(own: Store) -> None:
        done = 0
        while done < 20:
            fleet = own.load()
            assert fleet is not None
            number = fleet.events + 1
            try:
                own.commit(next_fleet(fleet, events=number), fleet, events=[event(number)])
            except VersionConflictError:
                continue
            done += 1

    agents = [open_store(url) for _ in range(3)]
    threads = [threading.Thread(target=decide_often, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for agent in agents:
        agent.close()
    fleet = store.load()
    assert fleet is not None
    assert (fleet.version, fleet.events) == (61, 60)
    assert [e.id for e in store.events().items] == [event(n).id for n in range(1, 61)]
