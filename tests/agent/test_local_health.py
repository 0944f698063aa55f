"""A machine that is slow itself knows it: how much more time looks get, and when that is over."""

import asyncio
from collections.abc import Sequence

from agent.probes.local_health import MOST, LocalHealth


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def after(spans: Sequence[float]) -> LocalHealth:
    """Looked for these seconds in a row, woken only at the end of each."""

    async def go() -> LocalHealth:
        clock = Clock()
        health = LocalHealth(clock)
        for span in spans:
            with health.watched():
                clock.at += span
        return health

    return asyncio.run(go())


def test_who_is_woken_in_time_has_the_usual_time() -> None:
    health = after([0.1, 0.1, 0.11] * 20)
    assert (health.stretch, round(health.held_up, 2)) == (1.0, 0.2)


def test_who_is_kept_waiting_gets_more_time_and_no_more_than_three_times() -> None:
    assert 1.0 < after([1.0]).stretch < MOST
    assert after([1.0] * 30).stretch == MOST


def test_that_is_over_soon_after() -> None:
    assert after([1.0] * 30 + [0.1] * 60).stretch == 1.0


def test_what_was_waited_counts_while_somebody_watches_only() -> None:
    async def go() -> None:
        clock = Clock()
        health = LocalHealth(clock)
        clock.at += 50
        with health.watched():
            clock.at += 1.1
            assert round(health.held_up, 3) == 1.0
            with health.watched():
                clock.at += 1.0
        clock.at += 50
        assert round(health.held_up, 3) == 2.0

    asyncio.run(go())
