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
