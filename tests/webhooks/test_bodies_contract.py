"""Whatever is sent, the answer is a 4xx problem and never a 500, on both servers."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from api_house import SECRETS, Api, House

PIN = "/v1/streams/transactional/pin"
GOOD = {"provider": "sendgrid", "minutes": 5}


def put(api: Api, body: bytes | Iterator[bytes], content_type: str = "application/json") -> requests.Response:
    return api.operate("PUT", PIN, data=body, headers={"Content-Type": content_type})


def refused(answer: requests.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, object] = answer.json()
    assert told["status"] == status
    assert told["detail"]
    return told


@pytest.mark.parametrize(
    "body",
    {
        "nothing": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "a string with JSON in it": json.dumps(json.dumps(GOOD)).encode(),
        "null": b"null",
        "deep arrays": b"[" * 30_000,
        "deep objects": b'{"a":' * 10_000,
        "NaN": b'{"provider": "ses", "minutes": NaN}',
        "infinity": b'{"provider": "ses", "minutes": -Infinity}',
        "a number without end": b'{"provider": "ses", "minutes": ' + b"9" * 5000 + b"}",
        "too large a number": b'{"provider": "ses", "minutes": 1e999}',
        "a key twice": b'{"provider": "ses", "provider": "sendgrid", "minutes": 5}',
        "a lone surrogate": b'{"provider": "ses", "minutes": 5, "reason": "\\ud800"}',
        "a NUL": b'{"provider": "ses", "minutes": 5, "reason": "\\u0000"}',
        "no UTF-8": b'{"provider": "\xff"}',
        "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    }.values(),
    ids=lambda body: repr(body[:20]),
)
def test_json_that_means_nothing_certain_is_refused(api: Api, house: House, body: bytes) -> None:
    refused(put(api, body), 400)
    assert house.service.snapshot.fleet.streams["transactional"].pin is None


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_read(api: Api, content_type: str) -> None:
    refused(put(api, json.dumps(GOOD).encode(), content_type), 415)


def test_a_body_over_the_limit_is_refused_whole(api: Api) -> None:
    refused(put(api, json.dumps({**GOOD, "reason": "x" * 70_000}).encode()), 413)


def test_a_chunked_body_over_the_limit_is_not_cut(api: Api, house: House) -> None:
    """The first 64 KiB are a good order: a server that cuts would carry it out."""
    pieces = iter([json.dumps(GOOD).encode(), *[b" " * 16_000] * 10])
    refused(put(api, pieces), 413)
    assert house.service.snapshot.fleet.streams["transactional"].pin is None


def test_a_chunked_body_within_the_limit_is_read_whole(api: Api) -> None:
    answer = put(api, iter([b'{"provider": "send', b'grid", "minutes": 5}']))
    assert answer.json()["flag"]["provider"] == "sendgrid"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"provider": "ses"}, None),
        ({"provider": "ses", "minutes": 5, "until": "2030-01-01T00:00:00Z"}, None),
        ({"provider": "ses", "until": "2001-01-01T00:00:00Z"}, None),
        ({"provider": "ses", "until": "9999-12-31T23:59:59-23:00"}, None),
        ({"provider": "ses", "until": "0001-01-01T00:00:00+23:00"}, None),
        ({"provider": "ses", "until": "2030-01-01T00:00:00"}, "/until"),
        ({"provider": "ses", "minutes": 0}, "/minutes"),
        ({"provider": "ses", "minutes": "5"}, "/minutes"),
        ({"provider": "ses", "minutes": 100_000}, "/minutes"),
        ({"provider": 5, "minutes": 5}, "/provider"),
        ({"provider": "ses", "minutes": 5, "more": 1}, "/more"),
        ({"minutes": 5}, "/provider"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(api: Api, body: dict[str, object], pointer: str | None) -> None:
    told = refused(api.operate("PUT", PIN, json=body), 422)
    if pointer:
        errors = told["errors"]
        assert isinstance(errors, list)
        assert [each["pointer"] for each in errors] == [pointer]


def test_a_complaint_repeats_no_value(api: Api) -> None:
    canary = "SECRET-CANARY"
    body = {"provider": {"password": canary}, "minutes": canary, canary[:0] + "reason": [canary]}
    assert canary not in api.operate("PUT", PIN, json=body).text


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "type=no.such", "limit=9999999999999999999999"])
def test_a_list_wants_a_query_that_fits(api: Api, query: str) -> None:
    refused(api.get(f"/v1/events?{query}"), 422)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/failovers", "/v1/incidents", "/v1/observations"])
def test_a_cursor_that_nobody_gave_is_a_problem(api: Api, path: str) -> None:
    refused(api.get(f"{path}?after=nonsense"), 404)
    refused(api.get(f"{path}?after=%00"), 400)


@pytest.mark.parametrize(
    "target", [b"/v1/providers?a=\xff", b"/v1/events?provider=%ff%fe", b"/v1/active-provider?epoch=\xff", b"/v1/\xff"]
)
def test_an_address_in_no_alphabet_breaks_nothing(api: Api, target: bytes) -> None:
    where = urlsplit(api.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as opened:
        head = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %b\r\n\r\n"
        opened.sendall(head % (target, SECRETS["read"].encode()))
        assert 200 <= int(opened.recv(100).split()[1]) < 500


def test_an_unknown_path_and_a_wrong_method_are_problems(api: Api) -> None:
    refused(api.get("/v1/nothing"), 404)
    refused(api.get("/v1/reports", scope="report"), 405)
    refused(api.operate("POST", "/v1/streams/transactional/pin", json={}), 405)
