"""Slack's presses in the house as it is assembled: by signed HTTP, from the request to the flag and the message."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from fake_slack import APP_TOKEN, CHANNEL, TOKEN, FakeSlack
from slack_people import ANN, BOB, SIGNING_SECRET, STRANGER, buttons, form, press, signed, typed
from slack_sockets import SocketSide

from mailover.bootstrap import House, assemble
from mailover.config import Settings, build
from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider


class Chosen:
    """Configs over the same providers and database."""

    def __init__(self, slack: FakeSlack, tmp_path: Path, ca_file: str, providers: list[Provider]) -> None:
        self._slack, self._tmp_path, self._ca_file, self._providers = slack, tmp_path, ca_file, providers

    def hearing(self, **slack: object) -> Settings:
        document = {
            "server": {"listen": "127.0.0.1:0"},
            "storage": {"url": f"sqlite:///{self._tmp_path}/mailover.db"},
            "tokens": {"app": {"token": "x" * 40, "scopes": ["read", "metrics"]}},
            "providers": {
                each.name: {
                    "host": each.host,
                    "port": each.port,
                    "username": each.username,
                    "password": each.password,
                    "ca_file": self._ca_file,
                }
                for each in self._providers
            },
            "streams": {"mail": {"providers": [each.name for each in self._providers]}},
            "probes": {"port_interval": "300ms", "deadline": "2s", "retry_interval": "100ms", "slow": "1s"},
            "slack": {"token": TOKEN, "channel": CHANNEL, "api_url": self._slack.api_url, **slack},
        }
        return build(document, {})


@pytest.fixture
def providers() -> Iterator[list[Provider]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Provider(name)) for name in ("a", "b")]


@pytest.fixture
def chosen(slack: FakeSlack, tmp_path: Path, ca_file: str, providers: list[Provider]) -> Chosen:
    return Chosen(slack, tmp_path, ca_file, providers)


@pytest.fixture
def house(chosen: Chosen) -> Iterator[House]:
    built = assemble(chosen.hearing(signing_secret=SIGNING_SECRET, operators=[ANN]))
    built.start()
    yield built
    built.stop()


def send(house: House, body: bytes, secret: str = SIGNING_SECRET) -> requests.Response:
    headers = signed(body, house.service.clock.wall().timestamp(), secret)
    return requests.post(f"{house.api.url}/v1/slack/interactive", data=body, headers=headers, timeout=30)


def test_a_signed_press_reaches_the_flag_and_the_message(
    house: House, slack: FakeSlack, providers: list[Provider]
) -> None:
    providers[0].behave(Behaviour.REFUSE)
    slack.wait_until(lambda: "mail goes through" in str(slack.shown))
    (message,) = [post for post in slack.channel if buttons(post)]
    answer = send(house, form(press(slack, message, "Pin mail to b for 1 h")))
    assert (answer.status_code, answer.content) == (200, b"")
    slack.wait_until(lambda: "mail: pinned to b until" in str(slack.shown[str(message["ts"])]))
    assert house.service.snapshot.flags["mail"].flag.mode == "pinned"
    told = requests.get(f"{house.api.url}/metrics", headers={"X-API-Key": "x" * 40}, timeout=30).text
    assert 'mailover_notifications_total{channel="slack",outcome="delivered"}' in told
    assert 'mailover_http_requests_total{code="200",route="/v1/slack/interactive"} 1.0' in told


def test_a_signed_command_is_answered_and_a_replayed_one_is_refused(house: House, slack: FakeSlack) -> None:
    body = form(typed(slack, "status"))
    headers = signed(body, house.service.clock.wall().timestamp())
    url = f"{house.api.url}/v1/slack/interactive"
    answers = [requests.post(url, data=body, headers=headers, timeout=30) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert len(slack.wait_for_whispers(1)) == 1


def test_what_is_not_signed_does_nothing_and_an_odd_body_is_no_defect(house: House, slack: FakeSlack) -> None:
    body = form(typed(slack, "status"))
    assert send(house, body, "another secret").status_code == 401
    url = f"{house.api.url}/v1/slack/interactive"
    assert requests.post(url, data=body, timeout=30).status_code == 401
    assert requests.post(url, json={}, headers={"X-Slack-Signature": "\xff"}, timeout=30).status_code == 401
    for odd in (b"payload=%7B", b"payload=[]", b"payload=" + b"[" * 60_000, b"\xff\xfe", b"a&" * 100):
        assert send(house, odd).status_code == 400
    for empty in (b"", b"payload={}", b"ssl_check=1&token=x"):
        assert send(house, empty).status_code == 200
    assert send(house, b"x" * 70_000).status_code == 413
    assert slack.whispered == []


def test_a_reload_changes_who_may_and_by_which_way_they_are_heard(
    house: House, slack: FakeSlack, chosen: Chosen
) -> None:
    with SocketSide(slack).serving() as side:
        house.reload(chosen.hearing(app_token=APP_TOKEN, operators=[BOB]))
        side.wait_for_lines(1)
        assert send(house, form(typed(slack, "status"))).status_code == 404
        side.wait_for_ack(side.tell(typed(slack, "status", user=BOB)))
        side.wait_for_ack(side.tell(typed(slack, "status", user=ANN)))
        first, second = slack.wait_for_whispers(2)
        assert ("No incident is open." in first, "You may not do this" in second) == (True, True)
        house.reload(chosen.hearing())
        assert send(house, form(typed(slack, "status", user=STRANGER))).status_code == 404


def test_a_press_told_again_after_a_restart_is_not_done_twice(chosen: Chosen, slack: FakeSlack) -> None:
    body = form(typed(slack, "status"))
    for _ in range(2):
        built = assemble(chosen.hearing(signing_secret=SIGNING_SECRET, operators=[ANN]))
        built.start()
        try:
            assert send(built, body).status_code == 200
        finally:
            built.stop()
    assert len(slack.whispered) == 1
