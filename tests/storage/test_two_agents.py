"""Two whole agents on one PostgreSQL: one fleet, one decision, both flags."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mailover.bootstrap import House, assemble
from mailover.config import Settings, build
from mailover.core.commands import PinProvider
from mailover.core.events import EventType
from mailover.core.fleet import Flag
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

PATIENCE = 30.0


@pytest.fixture
def providers() -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name)) for name in ("first", "second")}


def settings(url: str, instance: str, providers: dict[str, Provider], ca_file: str) -> Settings:
    accounts = {name: {"host": each.host, "port": each.port, "ca_file": ca_file} for name, each in providers.items()}
    probes = {"port_interval": "500ms", "retry_interval": "100ms", "deadline": "2s", "slow": "1s"}
    document = {
        "server": {"listen": "127.0.0.1:0", "instance": instance},
        "storage": {"url": url.replace("postgresql:", "postgresql+psycopg:")},
        "providers": accounts,
        "streams": {"mail": {"providers": ["first", "second"]}},
        "probes": probes,
        "breaker": {"open_for": "500ms", "failback_after": "1s"},
    }
    return build(document, {})


@pytest.fixture
def houses(postgres_url: str, providers: dict[str, Provider], ca_file: str) -> Iterator[list[House]]:
    running = [assemble(settings(postgres_url, name, providers, ca_file)) for name in ("here", "there")]
    for house in running:
        house.start()
    yield running
    for house in running:
        house.stop()


def flag(house: House) -> Flag:
    return house.service.snapshot.flags["mail"].flag


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_one_failover_moves_both_flags_to_the_same_epoch(houses: list[House], providers: dict[str, Provider]) -> None:
    providers["first"].behave(Behaviour.BUSY)
    until(lambda: all(flag(house).provider == "second" for house in houses))
    assert flag(houses[0]) == flag(houses[1])
    moves = houses[0].store.events(types=[EventType.FAILOVER_HAPPENED]).items
    assert [event.data["to"] for event in moves] == ["second"]


def test_what_an_operator_orders_here_holds_there(houses: list[House]) -> None:
    later = houses[0].service.clock.now().replace(year=2099)
    houses[0].service.order(PinProvider(stream="mail", provider="second", until=later))
    until(lambda: all(flag(house).mode == "pinned" for house in houses))
    assert flag(houses[1]).provider == "second"
