"""What OFREP tells whoever asks wrongly, in the form that its specification has for it, on both servers."""

from pathlib import Path
from typing import Any

import pytest
import requests
from adapter_house import Switchboard
from api_house import SECRETS, SERVERS, Api, open_house
from ofrep_house import FLAGS, Ofrep

from mailover.config.adapters import AdaptersSettings
from mailover.config.limits import LimitsSettings
from webhooks.limits import Limits


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
def test_what_is_no_json_object_is_a_parse_error(ofrep: Ofrep, body: bytes) -> None:
    for path in (FLAGS, f"{FLAGS}/active-provider"):
        answer = ofrep.api.call("POST", path, data=body, headers={"Content-Type": "application/json"})
        ofrep.hold(answer, bulk=path == FLAGS)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "PARSE_ERROR")


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
