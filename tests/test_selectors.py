"""Plug-ins that choose an order can break nothing, whatever they do."""

import logging
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hatchling.build
import pytest

from mailover.core.carriage import StreamMail
from mailover.core.fleet import Fleet, found
from mailover.core.letters import Letter
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.selectors import Selector, Selectors, installed

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "cheapest-first"
ALL = ("postmark", "sendgrid", "ses")
PATIENT = 20.0
LETTER = Letter(stream="mail", recipient="ann@example.com", key="acme", region="eu")


def policy_with(selector: str = "any") -> Policy:
    providers = {name: Provider(name=name, host=f"{name}.example", port=587, regions=("eu",)) for name in ALL}
    streams = {"mail": Stream(name="mail", providers=ALL, mail=StreamMail(selector=selector))}
    return Policy(providers=providers, streams=streams)


POLICY = policy_with()
FLEET: Fleet = found(POLICY, "test", NOW)


class Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def selectors(selector: Selector, patience: float = PATIENT, watch: Watch | None = None) -> Selectors:
    return Selectors(lambda _name: selector, patience=patience, monotonic=watch or Watch())


def asked(them: Selectors, policy: Policy = POLICY) -> tuple[str, ...]:
    return them.message(FLEET, policy, LETTER, ALL, NOW)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "mailover.selectors"]


def test_it_is_asked_with_plain_values() -> None:
    heard: list[dict[str, Any]] = []

    def choose(question: dict[str, Any]) -> list[str]:
        heard.append(question)
        return ["ses"]

    assert asked(selectors(choose)) == ("ses",)
    assert heard[0]["stream"] == "mail"
    assert heard[0]["providers"] == list(ALL)
    assert heard[0]["message"] == {"recipient": "ann@example.com", "key": "acme", "region": "eu"}
    assert heard[0]["health"]["ses"] == {
        "breaker": "closed",
        "slow": False,
        "failing": False,
        "degraded": False,
        "seconds": None,
        "dns": "unknown",
        "regions": ["eu"],
    }


def test_for_the_flag_there_is_no_message() -> None:
    them = selectors(lambda question: [] if question["message"] else ["sendgrid", *question["providers"]])
    assert them.order(FLEET, POLICY, "mail", NOW) == ("sendgrid", *ALL)


def test_what_it_does_to_its_question_reaches_nobody() -> None:
    def spoil(question: dict[str, Any]) -> list[str]:
        question["providers"].clear()
        question["health"].clear()
        question["message"] = None
        return ["ses"]

    them = selectors(spoil)
    assert [asked(them), asked(them)] == [("ses",), ("ses",)]
    assert policy_with() == POLICY


def test_a_stream_without_one_asks_nobody() -> None:
    def never(_name: str) -> Selector:
        raise AssertionError

    assert asked(Selectors(never), policy_with("")) == ()


class _Odd(list[str]):
    def __iter__(self) -> Iterator[str]:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "answer", ["ses", 7, [7], {"ses": 1}, [None], ["ses"] * 101, _Odd(["ses"]), [type("Sly", (str,), {})("ses")]]
)
def test_garbage_is_no_opinion(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    assert asked(selectors(lambda _question: answer)) == ()
    assert len(complaints(caplog)) == 1


def test_none_is_no_opinion_and_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    assert asked(selectors(lambda _question: None)) == ()
    assert complaints(caplog) == []


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), KeyboardInterrupt(), RecursionError()])
def test_one_that_raises_is_told_of_once_a_minute(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_question: dict[str, Any]) -> list[str]:
        raise error

    watch = Watch()
    them = selectors(fail, watch=watch)
    assert [asked(them) for _ in range(50)] == [()] * 50
    assert len(complaints(caplog)) == 1
    assert type(error).__name__ in complaints(caplog)[0]
    watch.now += 61
    asked(them)
    assert len(complaints(caplog)) == 2


def test_one_that_hangs_is_not_asked_again_until_it_has_rested_and_come_back(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    let_go = threading.Event()

    def hang(_question: dict[str, Any]) -> list[str]:
        calls.append(1)
        let_go.wait(60)
        return ["ses"]

    watch = Watch()
    them = selectors(hang, patience=0.05, watch=watch)
    assert [asked(them) for _ in range(5)] == [()] * 5
    assert complaints(caplog) == [
        "the selector any has not answered within 0.05 s; it is not asked for 60 s; the built-in order is used"
    ]
    watch.now += 61
    assert asked(them) == ()
    assert len(calls) == 1, "its thread is still held"
    let_go.set()
    until(lambda: asked(them) == ("ses",))


def test_one_that_is_a_little_slow_each_time_is_left_alone_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    watch, calls = Watch(), []

    def slow(_question: dict[str, Any]) -> list[str]:
        calls.append(1)
        watch.now += 0.05
        return ["ses"]

    them = Selectors(lambda _name: slow, patience=1.0, monotonic=watch)
    until(lambda: asked(them) == ("ses",))
    for _ in range(100):
        asked(them)
    assert len(calls) < 40
    assert "takes too long for its answers" in complaints(caplog)[-1]


def until(true: Callable[[], bool]) -> None:
    """Try again for a while: a thread has to come round."""
    for _ in range(2000):
        if true():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never came true")


def test_one_that_is_not_installed_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    assert asked(Selectors(patience=PATIENT)) == ()
    assert "no installed package has an entry point 'any' in the group mailover.selectors" in complaints(caplog)[0]


def test_many_may_ask_at_once() -> None:
    them = selectors(lambda question: question["providers"][:1])
    answers: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: answers.append(asked(them))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [("postmark",)] * 20


# -- the worked example, built and installed as any package is --------------------------------------------------------


@pytest.fixture
def cheapest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLE, source)
    monkeypatch.chdir(source)
    wheel = hatchling.build.build_wheel(str(tmp_path))
    zipfile.ZipFile(tmp_path / wheel).extractall(site)
    monkeypatch.syspath_prepend(site)
    yield "cheapest-first"
    sys.modules.pop("cheapest_first", None)


def test_an_installed_package_is_found_by_its_entry_point(cheapest_first: str) -> None:
    them, policy = Selectors(installed, patience=PATIENT), policy_with(cheapest_first)
    assert asked(them, policy) == ("postmark",)
    assert them.order(FLEET, policy, "mail", NOW) == ("ses", "sendgrid", "postmark")


def test_and_its_opinion_counts_where_mail_is_sent(cheapest_first: str, caplog: pytest.LogCaptureFixture) -> None:
    from mailover.core.routing import route  # noqa: PLC0415

    policy, them = policy_with(cheapest_first), Selectors(patience=PATIENT)
    letter = replace(LETTER, key="somebody")
    may = route(FLEET, policy, letter, NOW).providers
    told = route(FLEET, policy, letter, NOW, wanted=them.message(FLEET, policy, letter, may, NOW))
    assert told.providers == ("ses", "sendgrid", "postmark")
    assert caplog.at_level(logging.WARNING)
    assert complaints(caplog) == []
