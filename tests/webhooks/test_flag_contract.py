"""The flag as its readers know it, on both servers."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from api_house import Api, House

FLAG = "/v1/active-provider"


def test_the_default_streams_flag_needs_no_name(api: Api) -> None:
    answer = api.get(FLAG)
    assert answer.status_code == 200
    assert answer.json()["stream"] == "transactional"
    assert answer.json()["provider"] == "postmark"
    assert answer.json() == api.get(f"{FLAG}/transactional").json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Mailover-Epoch"] == str(answer.json()["epoch"])
    assert "Authorization" in answer.headers["Vary"]
    assert "Mailover-Stale" not in answer.headers


def test_every_stream_has_its_own(api: Api) -> None:
    assert api.get(f"{FLAG}/marketing").json()["provider"] == "ses"


@pytest.mark.parametrize("path", [f"{FLAG}/nothing", f"{FLAG}/", f"{FLAG}/a/b", f"{FLAG}er", f"{FLAG}/%2e%2e"])
def test_an_unknown_stream_is_a_problem(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize("form", ["{}", "W/{}", 'W/"other", {}', "*", "gzip"])
def test_who_has_it_already_is_told_so(api: Api, form: str) -> None:
    etag = api.get(FLAG).headers["ETag"]
    assert etag.startswith('"')
    known = etag[:-1] + '-gzip"' if form == "gzip" else form.format(etag)
    answer = api.get(FLAG, headers={"If-None-Match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert int(answer.headers["Mailover-Epoch"]) >= 1


def test_who_has_another_one_gets_this_one(api: Api) -> None:
    assert api.get(FLAG, headers={"If-None-Match": '"other", "test-99"'}).status_code == 200


@pytest.mark.parametrize("epoch", [0, 7])
def test_another_epoch_is_answered_at_once_also_a_higher_one(api: Api, epoch: int) -> None:
    began = time.monotonic()
    assert api.get(f"{FLAG}?epoch={epoch}&wait=30s").json()["epoch"] != epoch
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "query",
    ["epoch=x", "epoch=-1", "epoch=1&epoch=2", "epoch=1&wait=soon", "epoch=1&wait=", "wait=1h", "epoch=" + "9" * 30],
)
def test_an_epoch_or_wait_that_is_none_is_a_problem(api: Api, query: str) -> None:
    answer = api.get(f"{FLAG}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] in {"epoch", "wait"}


def test_a_wait_by_epoch_ends_with_the_same_body(api: Api) -> None:
    now = api.get(FLAG)
    waited = api.get(f"{FLAG}?epoch={now.json()['epoch']}&wait=200ms")
    assert (waited.status_code, waited.content) == (200, now.content)
    assert waited.elapsed.total_seconds() >= 0.2


def test_a_wait_by_preference_ends_with_304(api: Api) -> None:
    etag = api.get(FLAG).headers["ETag"]
    waited = api.get(FLAG, headers={"If-None-Match": etag, "Prefer": "respond-async, wait=1"})
    assert waited.status_code == 304
    assert waited.headers["Preference-Applied"] == "wait=1"
    assert waited.elapsed.total_seconds() >= 1


def test_a_preference_without_a_condition_waits_for_nothing(api: Api) -> None:
    answer = api.get(FLAG, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def in_background(call: Callable[[], requests.Response]) -> Callable[[], requests.Response]:
    """Start a call now; the returned function waits for its answer."""
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()

    def wait() -> requests.Response:
        thread.join(timeout=30)
        return answers[0]

    return wait


def until_seated(house: House, readers: int) -> None:
    """Wait until so many readers wait."""
    deadline = time.monotonic() + 10
    while house.parts.room.seated != readers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert house.parts.room.seated == readers


@pytest.mark.parametrize("by", ["epoch", "preference"])
def test_a_waiting_reader_is_told_of_a_flip_at_once(api: Api, house: House, by: str) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    known = api.get(FLAG)
    epoch = known.json()["epoch"]
    if by == "epoch":
        waiting = in_background(
            lambda: requests.get(f"{api.url}{FLAG}?epoch={epoch}&wait=30s", headers=known.request.headers, timeout=40)
        )
    else:
        waiting = in_background(
            lambda: requests.get(
                api.url + FLAG,
                headers={**known.request.headers, "If-None-Match": known.headers["ETag"], "Prefer": "wait=30"},
                timeout=40,
            )
        )
    until_seated(house, 1)
    began = time.monotonic()
    house.fail("postmark")
    told = waiting()
    assert time.monotonic() - began < 5
    assert told.json()["provider"] == "sendgrid"
    assert told.json()["epoch"] > epoch
    until_seated(house, 0)


def test_without_a_free_seat_the_present_flag_is_told_at_once(api: Api, house: House) -> None:
    while house.parts.room.enter():
        pass
    answer = api.get(f"{FLAG}?epoch={api.get(FLAG).json()['epoch']}&wait=30s")
    assert answer.status_code == 200
    assert answer.headers["Retry-After"] == "5"
    assert answer.elapsed.total_seconds() < 10


def test_an_agent_that_stopped_deciding_says_since_when(api: Api, house: House) -> None:
    house.service.stop()
    house.clock.move(timedelta(minutes=2))
    answer = api.get(FLAG)
    assert answer.status_code == 200
    assert int(answer.headers["Mailover-Stale"]) >= 120
    assert api.get("/readyz", scope=None).status_code == 503
    assert api.get("/healthz", scope=None).status_code == 200


def test_a_head_has_the_headers_and_no_body(api: Api) -> None:
    answer = api.call("HEAD", FLAG)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["ETag"] == api.get(FLAG).headers["ETag"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_else_may_be_done_to_the_flag(api: Api, method: str) -> None:
    answer = api.call(method, FLAG, scope="operate")
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "GET" in answer.headers["Allow"]
