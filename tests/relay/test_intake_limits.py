"""Counts, places and pauses, by hand-set instants."""

import pytest

from mailover.relay.intake_limits import Crowd, Guesses, Room, home


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_one_customers_network_counts_as_one_address(address: str, place: str) -> None:
    assert home(address) == place


def test_who_leaves_is_not_counted_any_more() -> None:
    crowd = Crowd()
    for place in ("a", "a", "b"):
        crowd.enter(place)
    crowd.leave("a")
    crowd.leave("b")
    assert (crowd.total, crowd.at("a"), crowd.at("b"), crowd.at("c")) == (1, 1, 0, 0)


def test_each_guess_beyond_the_third_costs_twice_the_pause() -> None:
    guesses, now, pauses = Guesses(), 0.0, []
    for _ in range(12):
        guesses.failed("a", now)
        paused_for = 0.0
        while guesses.paused("a", now + paused_for):
            paused_for += 1.0
        pauses.append(paused_for)
        now += paused_for
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert not guesses.paused("b", now)


def test_ten_quiet_minutes_are_forgiveness() -> None:
    guesses = Guesses()
    for _ in range(5):
        guesses.failed("a", 0.0)
    assert guesses.failed("a", 601.0) == 1
    assert not guesses.paused("a", 601.0)


def test_a_guesser_with_many_addresses_fills_no_memory() -> None:
    guesses = Guesses()
    for n in range(20_000):
        guesses.failed(str(n), 0.0)
    assert len(guesses._failed) == 10_000


def test_places_are_given_in_the_order_of_asking() -> None:
    room, granted = Room(10), []
    assert room.ask("a", 6, lambda: None)
    assert not room.ask("b", 6, lambda: granted.append("b"))
    assert not room.ask("c", 4, lambda: granted.append("c"))
    room.leave("a")
    assert granted == ["b", "c"]
    assert room.free == 0


def test_who_gives_up_waiting_lets_the_others_by() -> None:
    room, granted = Room(10), []
    room.ask("a", 6, lambda: None)
    room.ask("b", 8, lambda: granted.append("b"))
    room.ask("c", 4, lambda: granted.append("c"))
    room.leave("b")
    assert granted == ["c"]
    room.leave("a")
    room.leave("a")
    room.leave("c")
    assert room.free == 10


def test_a_place_may_become_larger_while_there_is_room() -> None:
    room = Room(10)
    room.ask("a", 4, lambda: None)
    assert room.widen("a", 10)
    assert not room.widen("b", 1)
    room.leave("a")
    assert room.free == 10


def test_a_larger_room_lets_in_who_waits() -> None:
    room, granted = Room(4), []
    assert not room.ask("a", 6, lambda: granted.append("a"))
    room.resize(6)
    assert granted == ["a"]
