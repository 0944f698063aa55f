"""A workflow tool that calls again under its key: once carried out, twice answered alike. On both servers."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from api_house import SECRETS, Api, House, open_house

from mailover.core.observations import Observation, ProbeKind

STREAM = "/v1/streams/transactional"
CALLS = [
    ("PATCH", "/v1/providers/ses", {"enabled": False}),
    ("POST", "/v1/providers/ses/check", {"kinds": ["port"]}),
    ("PUT", f"{STREAM}/order", {"providers": ["ses", "postmark"]}),
    ("PUT", f"{STREAM}/pin", {"provider": "ses", "minutes": 5}),
    ("DELETE", f"{STREAM}/pin", None),
    ("POST", "/v1/streams/marketing/failback", {}),
    ("PUT", f"{STREAM}/failback-pause", {"minutes": 5}),
    ("DELETE", f"{STREAM}/failback-pause", None),
    ("POST", "/v1/subscriptions", {"url": "https://tool.example/hook"}),
    ("POST", "/v1/dns/check", {"domains": []}),
    ("POST", "/v1/subscriptions/SUB/test", {}),
    ("POST", "/v1/subscriptions/SUB/replay", {}),
    ("PATCH", "/v1/subscriptions/SUB", {"enabled": True}),
    ("DELETE", "/v1/subscriptions/SUB", None),
    ("POST", "/v1/incidents/INC/acknowledge", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS])
def test_every_change_is_answered_twice_alike_and_its_key_fits_no_other(
    api: Api, house: House, method: str, path: str, body: dict[str, object] | None
) -> None:
    house.service.offer_checks(lambda provider, kinds: [house.probe(provider, kind) for kind in kinds])
    house.service.dns.offer(lambda domains: {"cells": [], "domains": [], "addresses": []})
    house.fail("postmark")
    subscription = api.operate("POST", "/v1/subscriptions", json={"url": "https://other.example/"}).json()["id"]
    incident = api.get("/v1/incidents").json()["items"][0]["id"]
    path = path.replace("SUB", subscription).replace("INC", incident)
    key = {"Idempotency-Key": "mine"}
    first, second = (api.operate(method, path, json=body, headers=key) for _ in range(2))
    assert first.ok, first.text
    assert (first.status_code, first.content) == (second.status_code, second.content)
    other = api.operate("PUT", f"{STREAM}/pin", json={"provider": "sendgrid", "minutes": 9}, headers=key)
    assert other.status_code == 422


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
