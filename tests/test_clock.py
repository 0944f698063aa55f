"""The steady clock."""

from datetime import UTC, datetime, timedelta

import time_machine

from mailover.clock import SystemClock


def test_a_stepped_wall_clock_moves_no_timer() -> None:
    clock = SystemClock()
    before = clock.now()
    with time_machine.travel(datetime(2040, 1, 1, tzinfo=UTC)):
        assert clock.wall().year == 2040
        assert timedelta(0) <= clock.now() - before < timedelta(minutes=1)


def test_instants_are_aware_and_only_grow() -> None:
    clock = SystemClock()
    instants = [clock.now() for _ in range(100)]
    assert instants == sorted(instants)
    assert {i.tzinfo for i in (*instants, clock.wall())} == {UTC}


def test_a_wall_clock_that_was_set_back_does_not_stop_the_time() -> None:
    stored = datetime.now(UTC) + timedelta(hours=6)
    clock = SystemClock(not_before=stored)
    first = clock.now()
    assert first >= stored
    assert clock.now() > first
