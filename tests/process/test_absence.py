"""A machine that slept: the loop notices by its clock, and everything is probed before any timer counts."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from running.agents import until

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.core.breaker import BreakerState
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider


class SleepyClock:
    """The machine's clock, which runs on while the machine sleeps."""

    def __init__(self) -> None:
        self.slept = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.slept

    def wall(self) -> datetime:
        return self.now()


@pytest.fixture
def clock() -> SleepyClock:
    return SleepyClock()


@pytest.fixture
def house(document: Mapping[str, Any], tmp_path: Path, clock: SleepyClock) -> Iterator[House]:
    document = {
        **document,
        "breaker": {"open_for": "1s", "failback_after": "1h"},
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path / 'mailover.db'}"},
    }
    built = assemble(build(document, {}), clock=clock)
    built.start()
    yield built
    built.stop()


def test_hours_of_sleep_move_no_flag_and_everything_is_looked_at_first(
    house: House, clock: SleepyClock, providers: list[Provider]
) -> None:
    providers[0].behave(Behaviour.REFUSE)
    until(lambda: house.service.snapshot.flags["mail"].flag.provider == "second", "the failover")
    providers[0].behave(Behaviour.HEALTHY)
    until(lambda: breaker(house).state is BreakerState.CLOSED, "the first provider's recovery")
    looked = [each.connections for each in providers]
    clock.slept += timedelta(hours=5)
    until(lambda: house.service.snapshot.fleet.resumed_at >= clock.now() - timedelta(minutes=1), "the waking up")
    until(lambda: all(each.connections > before for each, before in zip(providers, looked, strict=True)), "looks")
    assert house.service.snapshot.flags["mail"].flag.provider == "second"
    assert clock.now() - breaker(house).since < timedelta(minutes=5)


def breaker(house: House) -> Any:
    return house.service.snapshot.fleet.breakers["first"]
