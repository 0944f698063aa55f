"""The relay's lives: one that hangs is told of; whatever befalls a birth, the next one comes, or the end."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ailing import Sick, relay_over
from running.agents import free_port, until

from mailover.bootstrap import House, assemble
from mailover.clock import Clock
from mailover.config import Settings, build
from mailover.core.decide import Decision
from mailover.core.events import EventType
from mailover.relay.life import Relay
from mailover.relay.pulse import Pulse
from mailover.service import Service


class Watched:
    """A service that does something first when it is asked for its clock after the defect, as each birth does."""

    def __init__(self, service: Service, sick: Sick, first: Callable[[], None]) -> None:
        self._service = service
        self._sick = sick
        self._first = first

    @property
    def clock(self) -> Clock:
        if self._sick.failed:
            self._first()
        return self._service.clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)


class Stuck:
    """A queue that hangs as long as it is told to."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked = 0

    def depths(self) -> object:
        self.asked += 1
        self.goes_on.wait(60)
        return self._queue.depths()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path / 'mailover.db'}"},
        "providers": {"only": {"host": "127.0.0.1", "port": free_port(), "from": "app@example.com"}},
        "streams": {"mail": {"providers": ["only"]}},
        "relay": {"listen": f"127.0.0.1:{free_port()}"},
    }
    return build(document, {})


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """A house whose relay is the test's."""
    house = assemble(settings.model_copy(update={"relay": None}))
    house.start()
    try:
        yield house
    finally:
        house.stop()


def sick_relay(settings: Settings, house: House, first: Callable[[], None]) -> Relay:
    sick = Sick(house.store.mail)
    return relay_over(sick, settings, house, service=Watched(house.service, sick, first))


def test_a_birth_that_fails_is_not_the_last_one(
    settings: Settings, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    stumbles = iter([True])

    def stumble() -> None:
        if next(stumbles, False):
            raise ZeroDivisionError

    relay = sick_relay(settings, house, stumble)
    relay.start()
    try:
        until(lambda: "the relay cannot begin anew yet" in caplog.text, "the stumble")
        until(lambda: bool(relay.ports), "the next life")
    finally:
        relay.stop()


def test_a_relay_that_is_stopped_between_two_lives_ends(settings: Settings, house: House) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        goes_on.wait(60)

    relay = sick_relay(settings, house, wait)
    relay.start()
    assert asked.wait(60)
    assert relay.ports == ()
    stopping = threading.Thread(target=relay.stop, daemon=True)
    stopping.start()
    until(relay._ending.is_set, "the end")
    goes_on.set()
    stopping.join(30)
    assert not stopping.is_alive()


def test_a_relay_that_hangs_is_told_of_by_the_agent_and_so_is_its_return(settings: Settings, house: House) -> None:
    stuck, now = Stuck(house.store.mail), [0.0]
    told: list[EventType] = []
    house.service.listen(lambda _, decision: told.extend(event.type for event in decision.events))
    relay = relay_over(stuck, settings, house, pulse=Pulse(lambda: now[0]))

    def look() -> bool:
        now[0] += 4
        seen = house.service.snapshot
        relay.hear_decision(seen, Decision(fleet=seen.fleet))
        return bool({EventType.RELAY_FAILING, EventType.RELAY_RECOVERED} & set(told))

    relay.start()
    try:
        stuck.goes_on.clear()
        asked = stuck.asked
        until(lambda: stuck.asked > asked, "the next look at the queue")
        until(look, "the alarm")
        assert EventType.RELAY_FAILING in told
        told.clear()
        stuck.goes_on.set()
        until(look, "the end of it")
        assert EventType.RELAY_RECOVERED in told
    finally:
        stuck.goes_on.set()
        relay.stop()
