"""The event stream's memory: what it keeps, what it asks the store for, and that no client misses anything."""

import threading
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from api_house import House, open_house

from mailover.core.commands import DisableProvider, EnableProvider
from mailover.storage.store import Retention
from webhooks.auth import new_secret
from webhooks.feed import Choice, Feed, Place

ALL = Choice()


@pytest.fixture
def feed(house: House) -> Feed:
    return Feed(house.store, "mailover", kept=3)


def happen(house: House, times: int) -> None:
    """Make events: each turn disables or enables a provider."""
    for turn in range(times):
        command = (DisableProvider, EnableProvider)[turn % 2]
        house.service.order(command(provider="ses"))


def read(feed: Feed, place: Place) -> tuple[list[str], Place]:
    """Pull until nothing follows; the ids in order."""
    ids: list[str] = []
    while True:
        frames, after = feed.live(place, ALL) or feed.replay(place, ALL)
        ids += [line.removeprefix("id: ") for line in frames.decode().splitlines() if line.startswith("id: ")]
        if after.id == place.id:
            return ids, after
        place = after


def logged(house: House) -> list[str]:
    return [event.id for event in house.store.events(limit=500).items]


def test_what_is_new_comes_from_memory(house: House, feed: Feed) -> None:
    place, before = feed.join(None), len(logged(house))
    happen(house, 1)
    feed.refresh()
    assert feed.live(place, ALL) is not None
    assert read(feed, place)[0] == logged(house)[before:]


def test_a_client_that_lags_behind_the_memory_is_served_by_the_store(house: House, feed: Feed) -> None:
    place, before = feed.join(None), len(logged(house))
    happen(house, 8)
    feed.refresh()
    assert feed.live(place, ALL) is None
    assert read(feed, place)[0] == logged(house)[before:]


def test_a_client_ahead_of_the_memory_hears_nothing_twice(house: House, feed: Feed) -> None:
    """Another agent's events may be replayed before this one has noticed them."""
    place = feed.join(None)
    happen(house, 2)
    frames, place = feed.replay(place, ALL)
    assert frames
    feed.refresh()
    assert read(feed, place)[0] == []
    before = len(logged(house))
    happen(house, 1)
    feed.refresh()
    assert read(feed, place)[0] == logged(house)[before:]


def test_an_empty_log_has_a_beginning(house: House, feed: Feed) -> None:
    assert read(feed, Place(id=None))[0] == logged(house)


def test_a_house_so_quiet_that_its_last_event_was_forgotten_is_heard_again(house: House, feed: Feed) -> None:
    happen(house, 1)
    feed.refresh()
    place = feed.join(None)
    while house.store.tidy(house.clock.now() + timedelta(days=500), Retention()):
        pass
    assert logged(house) == []
    feed.refresh()
    happen(house, 2)
    feed.refresh()
    assert read(feed, place)[0] == logged(house) != []


def test_events_that_were_not_chosen_move_the_place(house: House, feed: Feed) -> None:
    place = feed.join(None)
    happen(house, 1)
    feed.refresh()
    found = feed.live(place, Choice(provider="nobody"))
    assert found is not None
    frames, after = found
    assert (frames, after.greeted) == (b"", False)
    assert after.id == logged(house)[-1]


def test_a_store_that_cannot_be_read_ends_no_stream(house: House, feed: Feed, tmp_path: Path) -> None:
    place = Place(id="before the memory")
    house.service.stop()
    house.parts.close()
    house.store.close()
    (tmp_path / "mailover.db").write_bytes(b"not a database" * 100)
    assert feed.replay(place, ALL) == (b"", place)
    feed.refresh()


def test_what_another_agent_did_on_the_same_store_is_noticed(house: House, tmp_path: Path) -> None:
    place = house.parts.feed.join(None)
    rung = threading.Event()
    house.parts.feed.hang(rung.set)
    with open_house(tmp_path) as other:
        other.service.order(DisableProvider(provider="ses"))
        assert rung.wait(20)
    found = house.parts.feed.live(place, ALL)
    assert found is not None
    assert b"event: provider.disabled" in found[0]


def test_a_token_made_by_somebody_else_is_noticed(house: House) -> None:
    secret = new_secret()
    house.store.add_token("late", sha256(secret.encode()).hexdigest(), ["read"], house.clock.now())
    client, headers = house.app.test_client(), {"Authorization": f"Bearer {secret}"}
    deadline = time.monotonic() + 20
    while client.get("/v1/streams", headers=headers).status_code == 401 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.get("/v1/streams", headers=headers).status_code == 200
