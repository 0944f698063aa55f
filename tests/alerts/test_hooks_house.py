"""The whole house: from a provider that fails to a receiver that hears of it, and what a reload changes."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hook_receiver import HookReceiver, Reply
from standardwebhooks.webhooks import Webhook

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.storage.roster import new_signing_secret

SECRET = new_signing_secret().reveal()
HEADER = "canary-of-the-fixed-header"


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    with HookReceiver().serving() as server:
        yield server


def document(tmp_path: Path, receiver: HookReceiver, **webhooks: object) -> dict[str, Any]:
    """One provider at a port where nobody listens, and nobody to ask whether it is us: an operator moves things."""
    account = {"host": "127.0.0.1", "port": 1, "tls": "none", "allow_plaintext": True}
    ticketing = {"url": receiver.url, "secret": SECRET, "allow_private": True, "header": f"X-Token: {HEADER}"}
    return {
        "server": {"listen": "127.0.0.1:0", "webhook_allow": ["127.0.0.1"]},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "providers": {"one": account, "two": account},
        "streams": {"mail": {"providers": ["one", "two"]}},
        "webhooks": {"ticketing": {**ticketing, "events": ["stream.pinned"]}, **webhooks},
    }


@pytest.fixture
def house(tmp_path: Path, receiver: HookReceiver) -> Iterator[House]:
    built = assemble(build(document(tmp_path, receiver), {}))
    built.start()
    yield built
    built.stop()


def call(house: House, method: str, path: str, body: object) -> Any:
    answer = requests.request(method, f"{house.api.url}/v1{path}", json=body, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def pin(house: House, provider: str) -> None:
    call(house, "PUT", "/streams/mail/pin", {"provider": provider, "minutes": 5})


def test_what_happens_reaches_a_receiver_signed_and_only_what_it_asked_for(
    house: House, receiver: HookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.script.append(Reply(status=500))
    pin(house, "two")
    receiver.wait_for(2)
    assert receiver.ids[0] == receiver.ids[1]
    request = receiver.requests[1]
    told = Webhook(SECRET).verify(request.body.decode(), request.headers)
    assert (told["type"], told["data"]["stream"]) == ("stream.pinned", "mail")
    assert request.headers["x-token"] == HEADER
    logged = requests.get(f"{house.api.url}/v1/events?type=stream.pinned", timeout=10).json()["items"]
    assert logged == [json.loads(request.body)]
    for secret in (SECRET, SECRET.removeprefix("whsec_"), HEADER, "/hook"):
        assert secret not in caplog.text


def test_a_subscription_over_the_api_hears_of_what_comes_after_it(house: House, receiver: HookReceiver) -> None:
    made = call(house, "POST", "/subscriptions", {"url": f"{receiver.url}/2", "events": ["stream.unpinned"]})
    pin(house, "two")
    requests.delete(f"{house.api.url}/v1/streams/mail/pin", timeout=10)
    receiver.wait_for(2)
    (request,) = [each for each in receiver.requests if each.path == "/hook/2"]
    assert Webhook(made["secret"]).verify(request.body.decode(), request.headers)["type"] == "stream.unpinned"


def test_a_reload_adds_and_takes_away_receivers_and_keeps_subscriptions(
    house: House, receiver: HookReceiver, tmp_path: Path
) -> None:
    call(house, "POST", "/subscriptions", {"url": f"{receiver.url}/mine", "events": ["stream.pinned"]})
    added = {"url": f"{receiver.url}/added", "secret": SECRET, "events": ["stream.pinned"]}
    wanted = document(tmp_path, receiver, added=added)
    del wanted["webhooks"]["ticketing"]
    wanted["server"]["listen"] = str(house._settings.server.listen)
    house.reload(build(wanted, {}))
    pin(house, "two")
    receiver.wait_for(2)
    assert {each.path for each in receiver.requests} == {"/hook/mine", "/hook/added"}


def test_what_waits_for_a_receiver_that_was_taken_out_keeps_no_alert_ringing(
    house: House, receiver: HookReceiver, tmp_path: Path
) -> None:
    """And receivers that come and go are one series, however many there were."""
    receiver.always = Reply(status=503)
    for number in range(2):
        call(house, "POST", "/subscriptions", {"url": f"{receiver.url}/{number}", "events": ["stream.pinned"]})
    pin(house, "two")
    receiver.wait_for(3)
    wanted = document(tmp_path, receiver)
    del wanted["webhooks"]["ticketing"]
    wanted["server"]["listen"] = str(house._settings.server.listen)
    house.reload(build(wanted, {}))
    told = requests.get(f"{house.api.url}/metrics", timeout=10).text
    assert [line for line in told.splitlines() if line.startswith("mailover_outbox_pending")] == [
        'mailover_outbox_pending{channel="subscriptions"} 2.0'
    ]


def test_what_nobody_could_take_is_sent_after_a_restart(tmp_path: Path, receiver: HookReceiver) -> None:
    receiver.always = Reply(status=503)
    first = assemble(build(document(tmp_path, receiver), {}))
    first.start()
    pin(first, "two")
    receiver.wait_for(1)
    first.stop()
    receiver.always = Reply()
    before = len(receiver.requests)
    second = assemble(build(document(tmp_path, receiver), {}))
    second.start()
    receiver.wait_for(before + 1)
    second.stop()
    assert set(receiver.ids) == {receiver.ids[0]}
