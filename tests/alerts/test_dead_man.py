"""The ping that stops when nothing is decided any more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fake_clock import FakeClock
from fake_receiver import FakeReceiver

from mailover.alerts.dead_man import DeadMan
from mailover.alerts.posting import Poster
from mailover.core.decide import Decision
from mailover.core.fleet import found
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.secrets import Secret
from mailover.service import Snapshot

POLICY = Policy(
    providers={"a": Provider(name="a", host="a.example", port=587)},
    streams={"mail": Stream(name="mail", providers=("a",))},
)


class Decider:
    """Stands for the deciding loop."""

    def __init__(self, dead_man: DeadMan, clock: FakeClock) -> None:
        self._dead_man = dead_man
        self._clock = clock
        self._fleet = found(POLICY, "abc", clock.now())

    def decide(self, *, exhausted: bool = False) -> None:
        since = self._clock.now() if exhausted else None
        state = replace(self._fleet.streams["mail"], exhausted_since=since)
        fleet = replace(self._fleet, streams={"mail": state})
        snapshot = Snapshot(fleet=fleet, policy=POLICY, flags={}, default_stream="mail")
        self._dead_man.hear_decision(snapshot, Decision(fleet=fleet))


@contextmanager
def pinging(url: str, clock: FakeClock, seconds: float = 5.0) -> Iterator[Decider]:
    dead_man = DeadMan(Secret(url), clock, poster=Poster(seconds=seconds))
    dead_man.start()
    try:
        yield Decider(dead_man, clock)
    finally:
        dead_man.stop()


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver().serving() as server:
        yield server


def test_it_pings_once_a_minute_however_often_is_decided(receiver: FakeReceiver, clock: FakeClock) -> None:
    with pinging(f"http://127.0.0.1:{receiver.port}/uuid", clock) as decider:
        for minute in range(1, 4):
            for _ in range(30):
                decider.decide()
                clock.advance(2)
            receiver.wait_for(minute)
    assert [path for path, _ in receiver.taken] == ["/uuid"] * 3


def test_no_decision_no_ping(receiver: FakeReceiver, clock: FakeClock) -> None:
    with pinging(f"http://127.0.0.1:{receiver.port}/uuid", clock):
        clock.advance(3600)
    assert receiver.taken == []


def test_a_stream_without_a_provider_raises_the_alarm_at_once_and_so_does_its_end(
    receiver: FakeReceiver, clock: FakeClock
) -> None:
    with pinging(f"http://127.0.0.1:{receiver.port}/uuid?rid=1", clock) as decider:
        for number, exhausted in enumerate((False, True, False), start=1):
            decider.decide(exhausted=exhausted)
            receiver.wait_for(number)
            clock.advance(2)
            until_free(decider, exhausted=exhausted)
    assert [path for path, _ in receiver.taken] == ["/uuid?rid=1", "/uuid/fail?rid=1", "/uuid?rid=1"]
    assert receiver.taken[1][1] == b"no healthy provider is left for mail"


def until_free(decider: Decider, *, exhausted: bool) -> None:
    """The thread may still be reading its answer."""
    deadline = time.monotonic() + 10
    while not decider._dead_man._next.empty() and time.monotonic() < deadline:
        decider.decide(exhausted=exhausted)
        time.sleep(0.01)


def test_a_receiver_that_hangs_delays_no_decision(receiver: FakeReceiver, clock: FakeClock) -> None:
    receiver.hang = True
    with pinging(f"http://127.0.0.1:{receiver.port}/uuid", clock, seconds=1.0) as decider:
        decider.decide()
        receiver.wait_for(1)
        began = time.monotonic()
        for _ in range(1000):
            decider.decide()
            clock.advance(61)
        assert time.monotonic() - began < 0.5
        receiver.hang = False
        receiver.wait_for(2)


@pytest.mark.parametrize("status", [404, 500])
def test_a_receiver_that_refuses_is_told_of_once_without_its_address(
    receiver: FakeReceiver, clock: FakeClock, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    receiver.status = status
    with pinging(f"http://127.0.0.1:{receiver.port}/uuid-of-mine", clock) as decider:
        for number in range(1, 4):
            decider.decide()
            receiver.wait_for(number)
            clock.advance(61)
    assert [r.getMessage() for r in caplog.records if r.name == "mailover.alerts"] == [
        f"the dead man's ping did not get through: it answered {status}"
    ]
    assert "uuid-of-mine" not in caplog.text


def test_what_never_started_can_be_stopped(clock: FakeClock) -> None:
    DeadMan(Secret("http://127.0.0.1:1/"), clock).stop()
