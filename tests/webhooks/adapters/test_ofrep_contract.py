"""OFREP 0.3.0 as its specification has it, on both servers."""

import copy
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from adapter_house import Switchboard, share
from api_house import SECRETS, SERVERS, TOKENS, Api, House, behind_edge, open_house
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mailover.config.adapters import AdaptersSettings
from mailover.config.limits import LimitsSettings
from webhooks.limits import Limits

FLAGS = "/ofrep/v1/evaluate/flags"
SPECIFICATION = Path(__file__).parents[2] / "data" / "ofrep-openapi.yaml"
EVERY_FLAG = {
    "active-provider",
    "smtp-relay",
    "sending-enabled",
    "backup-share",
    "provider-postmark-healthy",
    "provider-sendgrid-healthy",
    "provider-ses-healthy",
}


def told_loosely(schema: Any) -> Any:
    """The specification's `oneOf` of value types, as meant: a 0.0 is an integer too, and anything may lack a value."""
    if isinstance(schema, dict):
        return {("anyOf" if key == "oneOf" else key): told_loosely(value) for key, value in schema.items()}
    return [told_loosely(each) for each in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    document: dict[str, Any] = told_loosely(yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8")))
    return document


class Ofrep:
    """Evaluates, and holds every answer against the specification."""

    def __init__(self, api: Api, specification: dict[str, Any]) -> None:
        self.api = api
        self._specification = specification

    def call(
        self, key: str | None = None, /, *, headers: dict[str, str] | None = None, **context: Any
    ) -> requests.Response:
        path = FLAGS if key is None else f"{FLAGS}/{key}"
        answer = self.api.call("POST", path, json={"context": context}, headers=headers or {})
        self.hold(answer, bulk=key is None)
        return answer

    def value(self, key: str, /, **context: Any) -> Any:
        answer = self.call(key, **context)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def hold(self, answer: requests.Response, *, bulk: bool) -> None:
        operation = self._specification["paths"][FLAGS if bulk else f"{FLAGS}/{{key}}"]["post"]
        promised = operation["responses"][str(answer.status_code)]
        if answer.status_code == 304:
            assert answer.content == b""
            return
        assert answer.headers["Content-Type"] == "application/json"
        schema = copy.deepcopy(promised["content"]["application/json"]["schema"])
        Draft202012Validator({**schema, "components": self._specification["components"]}).validate(answer.json())


@pytest.fixture
def ofrep(api: Api, specification: dict[str, Any]) -> Ofrep:
    return Ofrep(api, specification)


# -- values -----------------------------------------------------------------------------------------------------------


def test_the_active_provider_is_a_text_with_its_variant_and_reason(ofrep: Ofrep) -> None:
    told = ofrep.call("active-provider").json()
    assert told == {
        "key": "active-provider",
        "value": "postmark",
        "reason": "STATIC",
        "variant": "postmark",
        "metadata": {
            "stream": "transactional",
            "epoch": 1,
            "mode": "normal",
            "because": "postmark is first in order and not yet probed",
        },
    }


def test_the_relay_says_where_to_send_and_where_next(ofrep: Ofrep) -> None:
    value = ofrep.value("smtp-relay")
    fallbacks = value.pop("fallbacks")
    assert value == {
        "provider": "postmark",
        "host": "smtp.postmark.example",
        "port": 587,
        "tls": "starttls",
        "from": "no@postmark.example",
    }
    assert [each["host"] for each in fallbacks] == ["smtp.sendgrid.example", "smtp.ses.example"]


def test_a_stream_in_the_context_chooses_its_flag(ofrep: Ofrep) -> None:
    told = ofrep.call("active-provider", stream="marketing", region="eu", plan="premium").json()
    assert (told["value"], told["reason"]) == ("ses", "TARGETING_MATCH")


def test_a_failover_moves_every_flag_that_it_touches(ofrep: Ofrep, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    assert ofrep.value("backup-share") == 0.0
    assert ofrep.value("provider-postmark-healthy") is True
    house.fail("postmark")
    assert ofrep.value("active-provider") == "sendgrid"
    assert ofrep.value("provider-postmark-healthy") is False
    assert ofrep.value("sending-enabled") is True
    share = ofrep.value("backup-share")
    assert share == 1.0
    assert isinstance(share, float)


def test_a_share_is_told_as_a_number_with_a_point(ofrep: Ofrep) -> None:
    assert '"value":0.0' in ofrep.call("backup-share").text


def test_with_every_provider_disabled_there_is_a_value_still(ofrep: Ofrep, api: Api) -> None:
    for name in ("postmark", "sendgrid", "ses"):
        api.operate("PATCH", f"/v1/providers/{name}", {"enabled": False})
    assert ofrep.value("active-provider") == ""
    assert ofrep.value("sending-enabled") is False
    assert ofrep.value("smtp-relay")["host"] is None
    assert ofrep.value("provider-ses-healthy") is False


def test_where_several_share_a_targeting_key_sticks(ofrep: Ofrep, house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    chosen = {f"user-{n}": ofrep.value("active-provider", targetingKey=f"user-{n}") for n in range(24)}
    assert set(chosen.values()) == {"postmark", "sendgrid"}
    again = ofrep.call("active-provider", targetingKey="user-7").json()
    assert (again["value"], again["reason"]) == (chosen["user-7"], "SPLIT")
    assert ofrep.value("smtp-relay", targetingKey="user-7")["provider"] == chosen["user-7"]
    assert ofrep.value("backup-share") == 0.5


def test_without_a_targeting_key_the_recipient_sticks_however_it_is_written(ofrep: Ofrep, house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    for name in ("anna", "bob", "carol"):
        one = ofrep.value("active-provider", recipient=f"{name}@example.com", recipientDomain="example.com")
        assert one == ofrep.value("active-provider", recipient=f"{name.upper()}@EXAMPLE.com")


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_unknown_flag_is_not_found(ofrep: Ofrep) -> None:
    for key in ("nothing", "provider-nobody-healthy", "provider--healthy"):
        answer = ofrep.call(key)
        assert answer.status_code == 404
        assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"


def test_an_unknown_stream_is_no_context(ofrep: Ofrep) -> None:
    for key in (None, "active-provider"):
        answer = ofrep.call(key, stream="nothing")
        assert answer.status_code == 400
        assert (answer.json()["errorCode"], "nothing" in answer.json()["errorDetails"]) == ("INVALID_CONTEXT", True)


@pytest.mark.parametrize("context", [{"stream": 7}, {"targetingKey": ["x"]}, {"recipient": {"a": 1}}])
def test_a_context_of_the_wrong_kind_is_no_context(ofrep: Ofrep, context: dict[str, Any]) -> None:
    assert ofrep.call("active-provider", **context).json()["errorCode"] == "INVALID_CONTEXT"


@pytest.mark.parametrize(
    "body", [b"{}", b'{"context": {}}', b'{"context": null}', b'{"context": {"targetingKey": null}}']
)
def test_nothing_needs_to_be_in_the_context(api: Api, body: bytes) -> None:
    answer = api.call("POST", f"{FLAGS}/active-provider", data=body, headers={"Content-Type": "application/json"})
    assert answer.json()["value"] == "postmark"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a": NaN}', b'{"a":1,"a":2}', b"[" * 30_000])
def test_what_is_no_json_object_is_a_parse_error(api: Api, body: bytes) -> None:
    for path in (FLAGS, f"{FLAGS}/active-provider"):
        answer = api.call("POST", path, data=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json()["errorCode"] == "PARSE_ERROR"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", FLAGS, 405),
        ("DELETE", f"{FLAGS}/active-provider", 405),
        ("POST", "/ofrep/v1/stream", 405),
        ("POST", "/ofrep/v1/configuration", 404),
        ("POST", f"{FLAGS}/a/b", 404),
        ("POST", f"{FLAGS}/", 404),
        ("POST", "/ofrep/", 404),
    ],
)
def test_other_paths_and_methods_are_told_in_its_own_form(api: Api, method: str, path: str, status: int) -> None:
    answer = api.call(method, path, data=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"errorCode", "errorDetails"}


def test_a_body_that_is_too_large_is_refused_in_its_own_form(api: Api) -> None:
    answer = api.call("POST", FLAGS, data=b"{" + b" " * 70_000, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errorCode"]) == (413, "GENERAL")


def test_who_has_no_token_is_turned_away_in_its_own_form(api: Api) -> None:
    stranger = api.call("POST", FLAGS, scope=None, json={})
    assert (stranger.status_code, stranger.json()["errorCode"]) == (401, "GENERAL")
    assert "Bearer" in stranger.headers["WWW-Authenticate"]
    assert api.call("POST", FLAGS, scope="report", json={}).status_code == 403
    assert api.call("POST", FLAGS, scope="operate", json={}).status_code == 200
    key = {"X-API-Key": SECRETS["read"]}
    assert api.call("POST", FLAGS, scope=None, json={}, headers=key).status_code == 200


@pytest.mark.parametrize("server", list(SERVERS))
def test_who_keeps_trying_without_a_token_is_told_in_its_own_form_to_come_later(
    tmp_path: Path, switchboard: Switchboard, server: str
) -> None:
    strict = Limits(LimitsSettings(failed_logins_per_minute=1))
    with (
        open_house(tmp_path, adapters=switchboard, limits=strict) as house,
        SERVERS[server](house.app) as url,
        requests.Session() as session,
    ):
        api = Api(url, session)
        *_, answer = (api.call("POST", FLAGS, scope=None, json={}) for _ in range(3))
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "GENERAL")
        assert int(answer.headers["Retry-After"]) > 0
        assert api.call("POST", FLAGS, json={}).status_code == 200


def test_its_answers_are_counted_under_one_route(api: Api) -> None:
    for path in (FLAGS, f"{FLAGS}/active-provider", f"{FLAGS}/nothing"):
        api.call("POST", path, json={})
    told = api.get("/metrics", scope="metrics").text
    assert 'mailover_http_requests_total{code="200",route="/ofrep/{rest}"} 2.0' in told
    assert 'mailover_http_requests_total{code="404",route="/ofrep/{rest}"} 1.0' in told


def test_it_is_not_there_until_it_is_configured(api: Api, switchboard: Switchboard) -> None:
    switchboard.settings = AdaptersSettings()
    for method, path in (("POST", FLAGS), ("GET", "/ofrep/v1/stream"), ("OPTIONS", FLAGS)):
        answer = api.call(method, path, scope="operate", data=b"{}", headers={"Content-Type": "application/json"})
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


# -- everything at once -----------------------------------------------------------------------------------------------


def test_all_flags_come_at_once(ofrep: Ofrep) -> None:
    told = ofrep.call().json()
    assert {each["key"] for each in told["flags"]} == EVERY_FLAG
    assert all({"value", "variant", "reason"} <= set(each) for each in told["flags"])
    (stream,) = told["eventStreams"]
    assert stream["type"] == "sse"
    assert stream["endpoint"]["requestUri"].startswith("/ofrep/v1/stream?pass=read-token.")
    assert stream["inactivityDelaySec"] == 120


def test_who_has_them_already_is_told_so_until_one_changes(ofrep: Ofrep, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    etag = ofrep.call().headers["ETag"]
    known = ofrep.call(headers={"If-None-Match": etag})
    assert (known.status_code, known.headers["ETag"]) == (304, etag)
    assert ofrep.call(headers={"If-None-Match": etag}, stream="marketing").status_code == 200
    house.fail("postmark")
    assert ofrep.call(headers={"If-None-Match": etag}).status_code == 200


def test_the_tag_changes_with_the_pass_for_the_stream(ofrep: Ofrep, house: House) -> None:
    before = ofrep.call()
    house.clock.move(timedelta(minutes=30))
    after = ofrep.call(headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["flags"] == before.json()["flags"]
    assert after.json()["eventStreams"] != before.json()["eventStreams"]


# -- the stream -------------------------------------------------------------------------------------------------------


class Listener:
    """Reads the stream in a thread."""

    def __init__(self, url: str) -> None:
        self._answer = requests.get(url, stream=True, timeout=30)
        assert self._answer.status_code == 200, self._answer.text
        self.headers = self._answer.headers
        self.events: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._answer.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, value = line.partition(": ")
                if name and line[0] != ":":
                    fields[name] = value
                elif fields:
                    self.events.append(fields)
                    fields = {}
        except (requests.RequestException, AttributeError):
            return

    def until(self, count: int) -> dict[str, str]:
        deadline = time.monotonic() + 10
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.events) == count
        return self.events[-1]

    def close(self) -> None:
        self._answer.close()
        self._thread.join(timeout=10)


@pytest.fixture
def listener(ofrep: Ofrep, api: Api, house: House) -> Iterator[Listener]:
    house.succeed("postmark", "sendgrid", "ses")
    uri = ofrep.call().json()["eventStreams"][0]["endpoint"]["requestUri"]
    opened = Listener(api.url + uri)
    yield opened
    house.parts.room.close()
    opened.close()


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


# -- browsers ---------------------------------------------------------------------------------------------------------


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
