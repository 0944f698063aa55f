"""The cadence: a fixed grid on a steady clock, that no job, no wall clock and no summer time can break."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine

from agent.loop import SteadyScheduler


class Seconds:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def rounds(scheduler: SteadyScheduler, seconds: Seconds, *, until: float, step: float = 0.1) -> None:
    while seconds.at < until:
        seconds.at += step
        scheduler.run_pending()


def test_a_job_that_takes_time_does_not_drift() -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    ran: list[float] = []

    def job() -> None:
        ran.append(seconds.at)
        seconds.at += 0.3

    scheduler.steadily(timedelta(seconds=1), job)
    rounds(scheduler, seconds, until=1100.0)
    assert 98 <= len(ran) <= 101


def test_rounds_that_were_missed_collapse_into_one() -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    ran: list[float] = []
    scheduler.steadily(timedelta(seconds=10), lambda: ran.append(seconds.at))
    seconds.at += 3600.0
    for _ in range(5):
        scheduler.run_pending()
    assert len(ran) == 1


def test_a_job_that_raises_neither_stops_the_others_nor_runs_hot(caplog: pytest.LogCaptureFixture) -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    ran: list[str] = []

    def broken() -> None:
        ran.append("broken")
        raise RuntimeError("no")

    scheduler.steadily(timedelta(seconds=1), broken)
    scheduler.steadily(timedelta(seconds=1), lambda: ran.append("sound"))
    rounds(scheduler, seconds, until=1010.05)
    assert 9 <= ran.count("broken") <= 11
    assert 9 <= ran.count("sound") <= 11
    assert "a scheduled job failed" in caplog.text


def test_many_jobs_do_not_start_in_step() -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    ran: list[float] = []
    for _ in range(100):
        scheduler.steadily(timedelta(seconds=60), lambda: ran.append(seconds.at))
    rounds(scheduler, seconds, until=1030.0)
    assert 25 <= len(ran) <= 75


def test_the_end_of_summer_time_and_a_stepped_wall_clock_move_no_job() -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    ran: list[float] = []
    scheduler.steadily(timedelta(minutes=5), lambda: ran.append(seconds.at))
    berlin = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    with time_machine.travel(berlin, tick=False) as traveller:
        rounds(scheduler, seconds, until=1900.0, step=10)
        traveller.move_to(datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
        rounds(scheduler, seconds, until=2800.0, step=10)
    gaps = [later - earlier for earlier, later in pairwise(ran)]
    assert 4 <= len(ran) <= 7
    assert max(gaps) <= 5 * 60 * 1.2 + 10


def test_the_loop_sleeps_until_the_next_job() -> None:
    seconds = Seconds()
    scheduler = SteadyScheduler(seconds)
    assert scheduler.seconds_left() == 3600.0
    scheduler.steadily(timedelta(seconds=5), lambda: None)
    assert 0 <= scheduler.seconds_left() <= 5.5
