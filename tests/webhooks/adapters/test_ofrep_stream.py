"""OFREP's stream and who may listen to it; what a page of another origin may ask and read. On both servers."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from adapter_house import Switchboard
from api_house import TOKENS, Api, House, behind_edge, open_house
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ofrep_house import FLAGS, Listener, Ofrep


def test_the_stream_begins_with_a_word_to_fetch_and_says_it_again_at_every_change(
    listener: Listener, house: House, specification: dict[str, Any]
) -> None:
    assert listener.headers["Content-Type"].startswith("text/event-stream")
    first = listener.until(1)
    assert first["retry"] == "2000"
    house.fail("postmark")
    second = listener.until(2)
    for event in (first, second):
        assert event["event"] == "message"
        data = json.loads(event["data"])
        assert data["type"] == "refetchEvaluation"
        schema = specification["components"]["schemas"]["sseEventData"]
        Draft202012Validator({**schema, "components": specification["components"]}).validate(data)
    assert "retry" not in second
    assert int(second["id"]) > int(first["id"])


def test_what_changes_no_flag_of_a_stream_but_a_providers_health_is_told_too(
    listener: Listener, house: House, api: Api
) -> None:
    api.operate("PUT", "/v1/streams/marketing/order", {"providers": ["ses"]})
    listener.until(2)
    api.operate("PUT", "/v1/streams/transactional/order", {"providers": ["postmark"]})
    listener.until(3)
    house.fail("sendgrid")
    listener.until(4)


def test_a_pass_opens_the_stream_for_a_while_and_nothing_else(ofrep: Ofrep, api: Api, house: House) -> None:
    uri = ofrep.call().json()["eventStreams"][0]["endpoint"]["requestUri"]
    assert api.get(uri.replace("/stream", "/evaluate/flags"), scope=None).status_code == 401
    assert api.call("POST", uri.replace("/stream", "/evaluate/flags"), scope=None, json={}).status_code == 401
    assert api.get(f"/v1/events?{uri.partition('?')[2]}", scope=None).status_code == 401
    tampered = uri[:-1] + ("0" if uri[-1] != "0" else "1")
    for wrong in (tampered, "/ofrep/v1/stream", "/ofrep/v1/stream?pass=", "/ofrep/v1/stream?pass=a.b.c"):
        answer = api.get(wrong, scope=None)
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "GENERAL")
    house.clock.move(timedelta(minutes=61))
    assert api.get(uri, scope=None).status_code == 401


def test_a_revoked_token_takes_its_passes_with_it(ofrep: Ofrep, api: Api, house: House) -> None:
    uri = ofrep.call().json()["eventStreams"][0]["endpoint"]["requestUri"]
    house.parts.gate.use([each for each in TOKENS if each.name != "read-token"])
    assert api.get(uri, scope=None).status_code == 401


def test_without_a_free_seat_the_stream_asks_to_come_again(ofrep: Ofrep, api: Api, house: House) -> None:
    uri = ofrep.call().json()["eventStreams"][0]["endpoint"]["requestUri"]
    while house.parts.room.enter():
        pass
    answer = api.get(uri, scope=None)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["errorCode"] == "GENERAL"


def test_a_server_without_tokens_needs_no_pass(tmp_path: Path, switchboard: Switchboard) -> None:
    with open_house(tmp_path, tokens=(), adapters=switchboard) as house, behind_edge(house.app) as url:
        told = requests.post(url + FLAGS, json={"context": {}}, timeout=10).json()
        uri = told["eventStreams"][0]["endpoint"]["requestUri"]
        assert uri == "/ofrep/v1/stream"
        opened = Listener(url + uri)
        opened.until(1)
        house.parts.room.close()
        opened.close()


# -- browsers ----------------------------------------------------------------------------------------------------------


def test_a_page_of_an_allowed_origin_may_ask_and_read_the_tag(api: Api) -> None:
    origin = {"Origin": "https://app.example.com"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = api.call("OPTIONS", FLAGS, scope=None, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    allowed = preflight.headers["Access-Control-Allow-Headers"]
    assert {"authorization", "content-type", "if-none-match"} <= set(allowed.split(", "))
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    answer = api.call("POST", FLAGS, json={}, headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    refused = api.call("POST", FLAGS, scope=None, json={}, headers=origin)
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "https://app.example.com.evil.test"])
def test_a_page_of_another_origin_may_not(api: Api, origin: str) -> None:
    answer = api.call("POST", FLAGS, json={}, headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"
