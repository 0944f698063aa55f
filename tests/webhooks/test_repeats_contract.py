"""A workflow tool that calls again under its key: once carried out, twice answered alike. On both servers."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from api_house import SECRETS, Api, House, open_house
from mail_house import KeepingRelay

from mailover.core.observations import Observation, ProbeKind

STREAM = "/v1/streams/transactional"
MESSAGE = {"from": {"address": "shop@example.com"}, "to": [{"address": "ann@example.net"}], "text": "Hello"}
CALLS = [
    ("POST", "/v1/reports", {"reports": [{"provider": "ses", "ok": True}]}),
    ("POST", "/v1/mailbox/{provider}", {"nonce": "n-1"}),
    ("PATCH", "/v1/providers/{provider}", {"enabled": False}),
    ("POST", "/v1/providers/{provider}/check", {"kinds": ["port"]}),
    ("PUT", "/v1/streams/{stream}/order", {"providers": ["sendgrid", "ses"]}),
    ("PUT", "/v1/streams/{stream}/pin", {"provider": "ses", "minutes": 5}),
    ("DELETE", "/v1/streams/{stream}/pin", None),
    ("POST", "/v1/streams/{stream}/failback", {}),
    ("PUT", "/v1/streams/{stream}/failback-pause", {"minutes": 5}),
    ("DELETE", "/v1/streams/{stream}/failback-pause", None),
    ("POST", "/v1/subscriptions", {"url": "https://tool.example/hook"}),
    ("POST", "/v1/dns/check", {"domains": []}),
    ("POST", "/v1/subscriptions/{subscription}/test", {}),
    ("POST", "/v1/subscriptions/{subscription}/replay", {}),
    ("PATCH", "/v1/subscriptions/{subscription}", {"enabled": True}),
    ("DELETE", "/v1/subscriptions/{subscription}", None),
    ("POST", "/v1/incidents/{incident}/acknowledge", {}),
    ("POST", "/v1/messages", MESSAGE),
    ("POST", "/v1/messages/{message}/retry", {}),
    ("DELETE", "/v1/messages/{message}", None),
    ("PUT", "/v1/outbox/{stream}/pause", {}),
    ("DELETE", "/v1/outbox/{stream}/pause", None),
    ("POST", "/v1/suppressions", {"address": "bob@example.net"}),
    ("DELETE", "/v1/suppressions/{address}", None),
    ("DELETE", "/v1/recipients/{address}", None),
]
SCOPES = {"/v1/reports": "report", "/v1/mailbox/{provider}": "report", "/v1/messages": "send"}
OF_OTHERS = {("POST", "/v1/feedback/{provider}"), ("POST", "/v1/slack/interactive")}
"""What providers and Slack call, in ways of their own."""


def test_every_call_that_changes_something_is_tried_here(api: Api) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    changing = {(method.upper(), path) for path, item in paths.items() for method in item if method != "get"}
    assert {(method, path) for method, path, _ in CALLS} == changing - OF_OTHERS


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS])
def test_every_change_is_answered_twice_alike_and_its_key_fits_no_other(
    api: Api, house: House, method: str, path: str, body: dict[str, object] | None
) -> None:
    house.service.offer_checks(lambda provider, kinds: [house.probe(provider, kind) for kind in kinds])
    house.service.dns.offer(lambda domains: {"cells": [], "domains": [], "addresses": []})
    house.fail("postmark")
    address = path.format_map(everything_named(api, house))
    call = {"scope": SCOPES.get(path, "operate"), "json": body, "headers": {"Idempotency-Key": "mine"}}
    first, second = (api.call(method, address, **call) for _ in range(2))
    assert first.ok, first.text
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert api.call(method, f"{address}?more=1", **call).status_code == 422


def everything_named(api: Api, house: House) -> Mapping[str, str]:
    """One of each that a path can name."""
    KeepingRelay(house)
    api.operate("POST", "/v1/suppressions", json={"address": "eve@example.net"})
    return {
        "provider": "ses",
        "stream": "marketing",
        "subscription": api.operate("POST", "/v1/subscriptions", json={"url": "https://other.example/"}).json()["id"],
        "incident": api.get("/v1/incidents").json()["items"][0]["id"],
        "message": api.call("POST", "/v1/messages", scope="send", json=MESSAGE).json()["id"],
        "address": "eve@example.net",
    }


def test_a_repeat_while_the_first_is_under_way_is_told_so(api: Api, house: House) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        begun.set()
        assert may_end.wait(30)
        return [house.probe(provider, kind) for kind in kinds]

    house.service.offer_checks(slow)
    call = {"json": {}, "headers": {"Idempotency-Key": "k"}}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: api.operate("POST", "/v1/providers/ses/check", **call))
        assert begun.wait(30)
        assert api.operate("POST", "/v1/providers/ses/check", **call).status_code == 409
        may_end.set()
        assert first.result().status_code == 200
    assert api.operate("POST", "/v1/providers/ses/check", **call).content == first.result().content


def test_a_repeat_after_a_restart_is_answered_and_not_carried_out(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {SECRETS['operate']}", "Idempotency-Key": "before-and-after"}
    answers, events = [], []
    for _ in range(2):
        with open_house(tmp_path) as house:
            call = {"json": {"provider": "ses", "minutes": 5}, "headers": headers}
            answers.append(house.app.test_client().put(f"{STREAM}/pin", **call).get_data())
            events.append([event.type for event in house.store.events(limit=100).items].count("stream.pinned"))
    assert answers[0] == answers[1]
    assert events == [1, 1]
