"""Mail by HTTP: handed over once and durably, looked at and decided upon by operators only."""

from typing import Any

import pytest
import requests
from api_house import Api, House
from mail_house import KeepingRelay

from mailover.core.mail import Fate

PLAIN: dict[str, Any] = {
    "from": {"address": "shop@example.com"},
    "to": [{"address": "ann@example.net"}],
    "subject": "Your invoice",
    "text": "Hello",
}
RAW = b"From: shop@example.com\r\nTo: ann@example.net\r\nSubject: Hi\r\n\r\nHello\r\n"


@pytest.fixture
def relay(house: House) -> KeepingRelay:
    return KeepingRelay(house)


def send(api: Api, body: object = PLAIN, **more: Any) -> requests.Response:
    return api.call("POST", "/v1/messages", scope="send", json=body, **more)


def send_raw(api: Api, content: bytes = RAW, query: str = "", **more: Any) -> requests.Response:
    headers = {"Content-Type": "message/rfc822", **more.pop("headers", {})}
    return api.call("POST", f"/v1/messages{query}", scope="send", data=content, headers=headers, **more)


def test_a_message_is_kept_before_it_is_answered(api: Api, house: House, relay: KeepingRelay) -> None:
    answer = send(api, {**PLAIN, "stream": "marketing"})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["stream"], told["recipients"]) == ("marketing", 1)
    kept = house.store.mail.mail(told["id"])
    assert kept is not None
    assert (kept.sender, kept.by) == ("shop@example.com", "send-token")
    content = house.store.mail.content(told["id"])
    assert content is not None
    assert b"Subject: Your invoice\r\n" in content


def test_bytes_are_kept_as_they_are(api: Api, house: House, relay: KeepingRelay) -> None:
    told = send_raw(api, query="?stream=marketing&to=bob@example.net&to=eve@example.net").json()
    assert (told["stream"], told["recipients"]) == ("marketing", 2)
    assert house.store.mail.content(told["id"]) == RAW
    exported = api.get(f"/v1/messages/{told['id']}/content", scope="operate")
    assert (exported.headers["Content-Type"], exported.content) == ("message/rfc822", RAW)


def test_a_repeat_under_one_key_is_kept_once(api: Api, house: House, relay: KeepingRelay) -> None:
    key = {"Idempotency-Key": "invoice-1"}
    first, second = send(api, headers=key), send(api, headers=key)
    assert first.json() == second.json()
    assert len(house.store.mail.mails().items) == 1
    assert send(api, {**PLAIN, "subject": "Another"}, headers=key).status_code == 422


@pytest.mark.parametrize("form", ["json", "bytes"])
def test_a_repeat_of_a_call_that_was_never_answered_is_kept_once(
    api: Api, house: House, relay: KeepingRelay, form: str
) -> None:
    """The message was kept, but its sender heard of trouble: as when the house ends in that very moment."""

    def call() -> requests.Response:
        headers = {"Idempotency-Key": "invoice-1"}
        file = {"filename": "a.txt", "content": "VG90YWw6IDEwMA=="}
        return (
            send(api, {**PLAIN, "attachments": [file]}, headers=headers)
            if form == "json"
            else send_raw(api, headers=headers)
        )

    relay.mute = True
    assert call().status_code == 503
    relay.mute = False
    told = call()
    assert told.status_code == 202
    assert [each.id for each in house.store.mail.mails().items] == [told.json()["id"]]


def test_without_a_relay_nothing_is_taken(api: Api) -> None:
    answer = send(api)
    assert answer.status_code == 503
    assert "[relay]" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**PLAIN, "stream": "nonsense"}, 422),
        ({**PLAIN, "subject": "a\r\nBcc: all@example.org"}, 422),
        ({**PLAIN, "text": None}, 422),
        ({**PLAIN, "attachments": [{"filename": "a", "content": "%"}]}, 422),
        ({}, 422),
        ([], 400),
    ],
    ids=["unknown stream", "injection", "no body", "no base64", "empty", "a list"],
)
def test_what_is_no_message_is_refused(api: Api, relay: KeepingRelay, body: object, status: int) -> None:
    answer = send(api, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert "all@example.org" not in answer.text


def test_other_types_and_bytes_without_an_envelope_are_refused(api: Api, relay: KeepingRelay) -> None:
    assert send_raw(api, b"Subject: x\r\n\r\n").status_code == 422
    assert send_raw(api, query="?to=no-address").status_code == 422
    odd = api.call("POST", "/v1/messages", scope="send", data=b"x", headers={"Content-Type": "text/plain"})
    assert odd.status_code == 415


def test_a_message_may_be_larger_than_other_bodies_but_not_endless(api: Api, relay: KeepingRelay) -> None:
    assert send_raw(api, RAW + b"x" * 1_000_000).status_code == 202
    told = send_raw(api, b"", headers={"Content-Length": str(37 * 1024 * 1024)})
    assert told.status_code == 413
    relay.largest = 2000
    assert send_raw(api, RAW + b"x" * 2000).status_code == 413


@pytest.mark.parametrize("scope", ["read", "report", "metrics", "operate"])
def test_only_who_may_send_hands_mail_over(api: Api, relay: KeepingRelay, scope: str) -> None:
    assert api.call("POST", "/v1/messages", scope=scope, json=PLAIN).status_code == 403


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/msg_1", "/v1/suppressions"])
@pytest.mark.parametrize("scope", ["read", "send"])
def test_who_gets_mail_is_nobody_elses_business(api: Api, relay: KeepingRelay, path: str, scope: str) -> None:
    assert api.get(path, scope=scope).status_code == 403


def test_messages_tell_what_became_of_each_copy(api: Api, relay: KeepingRelay) -> None:
    first, second = send(api).json()["id"], send(api).json()["id"]
    relay.settle(first, Fate.FAILED, "no such user")
    listed = api.get("/v1/messages", scope="operate").json()
    assert [each["id"] for each in listed["items"]] == [first, second]
    (copy,) = api.get(f"/v1/messages/{first}", scope="operate").json()["recipients"]
    assert (copy["state"], copy["provider"], copy["failure"]["text"]) == ("failed", "ses", "no such user")
    chosen = api.get("/v1/messages?state=failed&recipient=ann@example.net", scope="operate").json()["items"]
    assert [each["id"] for each in chosen] == [first]
    assert api.get("/v1/messages/msg_none", scope="operate").status_code == 404


def test_a_dead_letter_is_tried_again_and_the_relay_is_woken(api: Api, relay: KeepingRelay) -> None:
    message = send(api).json()["id"]
    relay.settle(message, Fate.FAILED, "no such user")
    told = api.operate("POST", f"/v1/messages/{message}/retry", {}).json()
    assert [each["state"] for each in told["recipients"]] == ["queued"]
    assert relay.woken == 1


def test_a_dropped_message_is_sent_to_nobody_and_its_content_is_gone(api: Api, relay: KeepingRelay) -> None:
    message = send(api).json()["id"]
    told = api.operate("DELETE", f"/v1/messages/{message}").json()
    assert [each["state"] for each in told["recipients"]] == ["dropped"]
    assert api.get(f"/v1/messages/{message}/content", scope="operate").status_code == 404


def test_the_outbox_tells_what_waits_and_for_how_long(api: Api, house: House, relay: KeepingRelay) -> None:
    relay.settle(send(api).json()["id"], Fate.AMBIGUOUS)
    send(api)
    told = {each["stream"]: each for each in api.get("/v1/outbox").json()["items"]}
    assert (told["transactional"]["queued"], told["transactional"]["ambiguous"]) == (1, 1)
    assert told["transactional"]["oldest_age_seconds"] >= 0
    assert (told["marketing"]["queued"], told["marketing"]["oldest"]) == (0, None)


def test_a_stream_is_paused_and_goes_on(api: Api, relay: KeepingRelay) -> None:
    assert api.operate("PUT", "/v1/outbox/marketing/pause", {}).json()["paused"]
    assert not api.operate("DELETE", "/v1/outbox/marketing/pause").json()["paused"]
    assert api.operate("PUT", "/v1/outbox/nonsense/pause", {}).status_code == 404


def test_a_message_of_a_paused_stream_says_why_it_waits(api: Api, relay: KeepingRelay) -> None:
    message = send(api).json()["id"]
    api.operate("PUT", "/v1/outbox/transactional/pause", {})
    assert api.get(f"/v1/messages/{message}", scope="operate").json()["because"] == "transactional is paused"
    listed = api.get("/v1/messages", scope="operate").json()["items"]
    assert [each["because"] for each in listed] == ["transactional is paused"]
    relay.settle(message, Fate.DELIVERED)
    assert api.get(f"/v1/messages/{message}", scope="operate").json()["because"] is None


def test_addresses_are_suppressed_and_let_go(api: Api, relay: KeepingRelay) -> None:
    told = api.operate("POST", "/v1/suppressions", {"address": "Ann@Example.net", "text": "asked by phone"}).json()
    assert (told["address"], told["reason"], told["text"]) == ("ann@example.net", "operator", "asked by phone")
    listed = api.get("/v1/suppressions", scope="operate").json()["items"]
    assert [each["address"] for each in listed] == ["ann@example.net"]
    assert api.operate("DELETE", "/v1/suppressions/ann@example.net").json()["deleted"]
    assert api.operate("DELETE", "/v1/suppressions/ann@example.net").status_code == 404


def test_an_address_with_a_slash_is_let_go_and_forgotten_too(api: Api, relay: KeepingRelay) -> None:
    api.operate("POST", "/v1/suppressions", {"address": "ann/b@example.net"})
    assert api.operate("DELETE", "/v1/suppressions/ann%2Fb@example.net").json()["deleted"]
    assert api.operate("DELETE", "/v1/recipients/ann%2Fb@example.net").json() == {
        "address": "ann/b@example.net",
        "messages": 0,
    }


def test_a_person_is_forgotten(api: Api, relay: KeepingRelay) -> None:
    message = send(api).json()["id"]
    relay.settle(message, Fate.DELIVERED)
    assert api.operate("DELETE", "/v1/recipients/ann@example.net").json()["messages"] == 1
    assert "ann@example.net" not in api.get("/v1/messages", scope="operate").text
