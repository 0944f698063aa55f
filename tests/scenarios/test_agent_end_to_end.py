"""The whole agent over real SMTP: a config, three fake providers, and what the flag says when one of them breaks."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.core.fleet import Flag
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

NAMES = ("postmark", "sendgrid", "ses")
PATIENCE = 20.0


def document(directory: Path, providers: dict[str, Provider], ca_file: str) -> dict[str, object]:
    accounts = {
        name: {
            "host": each.host,
            "port": each.port,
            "username": each.username,
            "password": each.password,
            "ca_file": ca_file,
            "from": "noreply@example.com",
        }
        for name, each in providers.items()
    }
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{directory / 'mailover.db'}"},
        "providers": accounts,
        "streams": {"mail": {"providers": list(NAMES)}},
        "probes": {
            "port_interval": "500ms",
            "login_interval": "500ms",
            "retry_interval": "100ms",
            "auth_pause": "200ms",
            "deadline": "2s",
            "slow": "1s",
        },
        "breaker": {"open_for": "500ms", "auth_open_for": "500ms", "failback_after": "1s"},
    }


@pytest.fixture
def providers() -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name)) for name in NAMES}


@pytest.fixture
def house(tmp_path: Path, providers: dict[str, Provider], ca_file: str) -> Iterator[House]:
    built = assemble(build(document(tmp_path, providers, ca_file), {}))
    built.start()
    yield built
    built.stop()


def flag(house: House) -> Flag:
    return house.service.snapshot.flags["mail"].flag


def until(holds: Callable[[], bool]) -> float:
    """Wait for something to become true; how long it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < PATIENCE, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_a_refusing_provider_is_left_and_taken_back(house: House, providers: dict[str, Provider]) -> None:
    assert flag(house).provider == "postmark"
    providers["postmark"].behave(Behaviour.REFUSE)
    until(lambda: flag(house).provider == "sendgrid")
    assert flag(house).because.startswith("sendgrid is the first choice left: postmark is out: 3 port probes failed")
    providers["postmark"].behave(Behaviour.HEALTHY)
    until(lambda: flag(house).provider == "postmark")
    moves = requests.get(f"{house.api.url}/v1/failovers", timeout=5).json()["items"]
    assert [(each["from"], each["to"]) for each in moves] == [("postmark", "sendgrid"), ("sendgrid", "postmark")]


def test_a_wrong_password_is_found_and_logins_rest(house: House, providers: dict[str, Provider]) -> None:
    until(lambda: providers["postmark"].logins > 0)
    providers["postmark"].behave(Behaviour.AUTH)
    until(lambda: flag(house).provider == "sendgrid")
    assert "the fix is ours: check our user name and password there" in flag(house).because
    assert providers["postmark"].refused_logins <= 3


def test_a_reported_failure_moves_the_flag_without_waiting_for_a_probe(
    house: House, providers: dict[str, Provider]
) -> None:
    until(lambda: house.service.snapshot.fleet.breakers["postmark"].ok_at is not None)
    providers["postmark"].behave(Behaviour.REFUSE)
    report = {"provider": "postmark", "ok": False, "stage": "connect", "text": "[Errno 111] Connection refused"}
    told = requests.post(f"{house.api.url}/v1/reports", json={"reports": [report]}, timeout=5)
    assert told.status_code == 200
    assert told.json()["accepted"] == 1
    until(lambda: flag(house).provider == "sendgrid")


def test_a_lying_report_moves_nothing(house: House, providers: dict[str, Provider]) -> None:
    until(lambda: house.service.snapshot.fleet.breakers["postmark"].ok_at is not None)
    report = {"provider": "postmark", "ok": False, "stage": "connect", "text": "[Errno 111] Connection refused"}
    for _ in range(20):
        requests.post(f"{house.api.url}/v1/reports", json={"reports": [report] * 10}, timeout=5)
    time.sleep(1.0)
    assert flag(house).provider == "postmark"
    assert flag(house).epoch == 1


def test_the_operator_probes_by_hand_and_sees_each_stage(house: House, providers: dict[str, Provider]) -> None:
    kinds = {"kinds": ["port", "login"]}
    told = requests.post(f"{house.api.url}/v1/providers/ses/check", json=kinds, timeout=30).json()
    assert [(each["kind"], each["ok"]) for each in told["results"]] == [("port", True), ("login", True)]
    stages = [each["stage"] for each in told["results"][1]["stages"]]
    assert stages == ["resolve", "connect", "banner", "ehlo", "starttls", "auth"]


def test_a_restarted_agent_goes_on(tmp_path: Path, providers: dict[str, Provider], ca_file: str) -> None:
    settings = build(document(tmp_path, providers, ca_file), {})
    first = assemble(settings)
    first.start()
    providers["postmark"].behave(Behaviour.SILENT)
    until(lambda: flag(first).provider == "sendgrid")
    epoch = flag(first).epoch
    first.stop()
    second = assemble(settings)
    assert (flag(second).provider, flag(second).epoch) == ("sendgrid", epoch)
    second.start()
    providers["postmark"].behave(Behaviour.HEALTHY)
    until(lambda: flag(second).provider == "postmark")
    second.stop()
