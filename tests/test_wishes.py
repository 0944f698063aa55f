"""Selectors are asked for the flag's order in a thread of their own, and whatever they do the flag goes on."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailover.clock import SystemClock
from mailover.core.carriage import StreamMail
from mailover.core.letters import Letter
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.selectors import Selectors
from mailover.service import Service
from mailover.storage.sql import open_store
from mailover.wishes import Wishes

NAMES = ("a", "b", "c")


class Wanted:
    """A selector that says what the test wants, or does what the test wants."""

    def __init__(self) -> None:
        self.answer: Any = ["c", "b"]
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, question: dict[str, Any]) -> Any:
        self.hold.wait(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def wanted() -> Iterator[Wanted]:
    made = Wanted()
    yield made
    made.hold.set()


@pytest.fixture
def service(tmp_path: Path, wanted: Wanted) -> Iterator[Service]:
    store = open_store(f"sqlite:///{tmp_path}/mailover.db")
    providers = {name: Provider(name=name, host=f"{name}.example", port=587) for name in NAMES}
    stream = Stream(name="mail", providers=NAMES, mail=StreamMail(selector="by-test"))
    policy = Policy(
        providers=providers, streams={"mail": stream, "plain": replace(stream, name="plain", mail=StreamMail())}
    )
    made = Service(
        store=store,
        policy=policy,
        default_stream="mail",
        clock=SystemClock(),
        identity="test",
        selectors=Selectors(lambda _name: wanted, patience=20),
    )
    yield made
    store.close()


def flag_of(service: Service, stream: str = "mail") -> tuple[str | None, tuple[str, ...]]:
    service.step()
    flag = service.snapshot.fleet.streams[stream].flag
    return flag.provider, flag.fallbacks


def round_of(service: Service) -> None:
    Wishes(service).ask()
    service._drain(block=False)


def test_the_flag_of_the_stream_that_names_it_follows(service: Service) -> None:
    round_of(service)
    assert service.snapshot.fleet.streams["mail"].selected == ("c", "b")
    assert service.snapshot.fleet.streams["plain"].selected == ()


def test_what_is_known_already_is_not_heard_again(service: Service) -> None:
    round_of(service)
    Wishes(service).ask()
    assert service._inbox.empty()


def test_names_that_nobody_has_are_nothing_new_either(service: Service, wanted: Wanted) -> None:
    wanted.answer = ["zz", "c", "c", "b"]
    round_of(service)
    Wishes(service).ask()
    assert service._inbox.empty()


def test_when_it_fails_the_flag_goes_back_to_the_configs_order(service: Service, wanted: Wanted) -> None:
    round_of(service)
    wanted.answer = ValueError("broken")
    round_of(service)
    assert service.snapshot.fleet.streams["mail"].selected == ()
    assert flag_of(service)[0] == "a"


def test_a_message_is_asked_for_by_itself(service: Service, wanted: Wanted) -> None:
    told = service.route(Letter(stream="mail", recipient="ann@example.com"))
    assert (told.providers, told.because) == (("c", "b", "a"), "c was chosen by by-test")
    assert service.route(Letter(stream="plain", recipient="ann@example.com")).providers == NAMES


def test_while_it_hangs_mail_and_flag_go_on(service: Service, wanted: Wanted) -> None:
    service.selectors = Selectors(lambda _name: wanted, patience=0.05)
    wanted.hold.clear()
    service.start()
    wishes = Wishes(service)
    wishes.start()
    try:
        told = service.route(Letter(stream="mail", recipient="ann@example.com"))
        assert told.providers == NAMES
        assert service.ask().fleet.streams["mail"].flag.provider == "a"
    finally:
        wanted.hold.set()
        wishes.stop()
        service.stop()


def test_in_its_thread_it_asks_by_itself(service: Service) -> None:
    service.start()
    wishes = Wishes(service)
    heard = threading.Event()
    service.listen(lambda seen, _decision: heard.set() if seen.fleet.streams["mail"].selected else None)
    wishes.start()
    try:
        assert heard.wait(30)
    finally:
        wishes.stop()
        service.stop()
