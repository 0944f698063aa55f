import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from mailover.demo.ending import Ended, Ending


@pytest.fixture
def typed() -> Iterator[tuple[int, int]]:
    """A pipe to type into: where lines are read, where they are written."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_next_sleep_and_harms_nothing_before(number: signal.Signals) -> None:
    with Ending() as ending:
        os.kill(os.getpid(), number)
        time.sleep(0)
        with pytest.raises(Ended):
            ending.sleep(60)


def test_a_signal_ends_a_sleep_under_way() -> None:
    with Ending() as ending:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(Ended):
            ending.sleep(60)
        timer.join()


def test_many_signals_are_one_wish() -> None:
    with Ending() as ending:
        for _ in range(1000):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Ended):
            ending.sleep(60)


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Ending() as ending:
        ending.sleep(0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_lines_arrive_whole_however_they_were_written(typed: tuple[int, int]) -> None:
    reading, writing = typed
    with Ending() as ending:
        lines = ending.lines(reading)
        os.write(writing, b"break post")
        os.write(writing, b"mark\nheal ")
        assert next(lines) == "break postmark"
        os.write(writing, b"all\nstatus\n\xff\n")
        assert [next(lines), next(lines), next(lines)] == ["heal all", "status", "\ufffd"]


def test_a_signal_ends_the_wait_for_a_line(typed: tuple[int, int]) -> None:
    with Ending() as ending:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Ended):
            next(ending.lines(typed[0]))


def test_an_endless_line_ends_the_typing(typed: tuple[int, int]) -> None:
    reading, writing = typed
    with Ending() as ending:
        os.write(writing, b"x" * 5000)
        assert list(ending.lines(reading)) == []
