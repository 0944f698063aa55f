"""Orders, reports and logs, on both servers."""

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from api_house import SECRETS, Api, House, open_house

from mailover.core.commands import PinProvider
from mailover.core.observations import Depth, FailureKind, Observation, ProbeKind, Stage

STREAM = "/v1/streams/transactional"


def report(api: Api, *reports: dict[str, object]) -> requests.Response:
    return api.call("POST", "/v1/reports", scope="report", json={"reports": list(reports)})


# -- streams ----------------------------------------------------------------------------------------------------------


def test_a_query_that_does_not_fit_names_its_parameter(api: Api) -> None:
    answer = api.get("/v1/events?limit=0")
    assert answer.status_code == 422
    assert [each["parameter"] for each in answer.json()["errors"]] == ["limit"]


def test_a_pin_moves_the_flag_and_its_end_lets_it_go(api: Api) -> None:
    pinned = api.operate("PUT", f"{STREAM}/pin", json={"provider": "ses", "minutes": 30, "reason": "a sale"}).json()
    assert pinned["flag"]["provider"] == "ses"
    assert pinned["flag"]["mode"] == "pinned"
    assert (pinned["pin"]["reason"], pinned["pin"]["by"]) == ("a sale", "operate-token")
    assert api.get(STREAM).json() == pinned
    assert api.operate("DELETE", f"{STREAM}/pin").json()["pin"] is None


def test_a_pin_may_end_at_an_instant(api: Api, house: House) -> None:
    until = (house.clock.now() + timedelta(hours=1)).isoformat()
    pinned = api.operate("PUT", f"{STREAM}/pin", json={"provider": "ses", "until": until})
    assert datetime.fromisoformat(pinned.json()["pin"]["until"]) - datetime.fromisoformat(until) < timedelta(seconds=1)


def test_an_order_is_answered_with_the_stream_as_it_is_now(api: Api) -> None:
    answer = api.operate("PUT", f"{STREAM}/order", json={"providers": ["ses", "postmark", "sendgrid"]}).json()
    assert answer["order"] == ["ses", "postmark", "sendgrid"]
    assert answer["configured_order"] == ["postmark", "sendgrid", "ses"]


def test_a_failback_pause_begins_and_ends(api: Api) -> None:
    assert api.operate("PUT", f"{STREAM}/failback-pause", json={"minutes": 5}).json()["failback_paused_until"]
    assert api.operate("DELETE", f"{STREAM}/failback-pause").json()["failback_paused_until"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/v1/streams/nothing/pin", {"provider": "ses", "minutes": 5}, 404),
        ("PUT", "/v1/streams/marketing/pin", {"provider": "postmark", "minutes": 5}, 409),
        ("PUT", f"{STREAM}/order", {"providers": ["ses", "ses"]}, 409),
        ("PUT", f"{STREAM}/order", {"providers": ["nobody"]}, 409),
        ("PATCH", "/v1/providers/nothing", {"enabled": True}, 404),
        ("POST", "/v1/providers/nothing/check", {}, 404),
        ("POST", "/v1/incidents/none/acknowledge", {}, 404),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(
    api: Api, method: str, path: str, body: dict[str, object], status: int
) -> None:
    answer = api.operate(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_every_stream_and_provider_is_listed(api: Api) -> None:
    assert [each["stream"] for each in api.get("/v1/streams").json()["items"]] == ["transactional", "marketing"]
    assert [each["name"] for each in api.get("/v1/providers").json()["items"]] == ["postmark", "sendgrid", "ses"]
    assert api.get("/v1/streams/nothing").status_code == 404
    assert api.get("/v1/providers/nothing").status_code == 404


# -- reports ----------------------------------------------------------------------------------------------------------


def test_reports_are_heard_and_answered_with_every_flag(api: Api, house: House) -> None:
    answer = report(api, {"provider": "ses", "ok": True, "count": 5}, {"provider": "postmark", "ok": True})
    assert answer.json()["accepted"] == 2
    assert set(answer.json()["flags"]) == {"transactional", "marketing"}
    heard = {each.provider: each for each in house.store.observations(kind="report").items}
    assert (heard["ses"].count, heard["ses"].depth, heard["ses"].ok) == (5, Depth.SEND, True)


def test_a_report_becomes_a_failure_by_what_the_provider_said(api: Api, house: House) -> None:
    report(
        api,
        {"provider": "ses", "ok": False, "stage": "auth", "code": 535, "enhanced": "5.7.8", "text": "bad\ncredentials"},
        {"provider": "ses", "ok": False, "stage": "rcpt", "code": 550, "enhanced": "5.1.1", "text": "no such user"},
        {"provider": "ses", "ok": False, "text": "Connection refused"},
        {"provider": "ses", "ok": True, "stage": "rcpt", "count": 10**9},
    )
    auth, recipient, silent, good = house.store.observations(kind="report").items
    assert auth.failure is not None
    assert (auth.failure.kind, auth.failure.stage, auth.depth) == (FailureKind.AUTH, Stage.AUTH, Depth.LOGIN)
    assert "\n" not in auth.failure.text
    assert recipient.failure is not None
    assert recipient.failure.kind is FailureKind.RECIPIENT
    assert silent.failure is not None
    assert (silent.failure.kind, silent.failure.replied) == (FailureKind.CONNECTION, False)
    assert (good.depth, good.count) == (Depth.ENVELOPE, 1000)


def test_a_report_of_an_unknown_provider_refuses_all_and_names_its_place(api: Api, house: House) -> None:
    answer = report(api, {"provider": "ses", "ok": True}, {"provider": "nobody", "ok": True})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/reports/1/provider", "detail": "no such provider"}]
    assert house.store.observations(kind="report").items == ()


def test_who_a_reported_mail_was_for_is_not_kept(api: Api, house: House) -> None:
    said = "550 5.1.1 <ann.smith@example.net>: no such user"
    report(api, {"provider": "ses", "ok": False, "stage": "rcpt", "code": 550, "text": said})
    (heard,) = house.store.observations(kind="report").items
    assert heard.failure is not None
    assert heard.failure.kind is FailureKind.RECIPIENT
    assert heard.failure.text == "550 5.1.1 <a...@example.net>: no such user"


def test_our_clock_rules_over_the_reporters(api: Api, house: House) -> None:
    now = house.clock.now()
    answer = report(
        api,
        {"provider": "ses", "ok": True, "at": (now + timedelta(days=1)).isoformat()},
        {"provider": "ses", "ok": True, "at": (now - timedelta(hours=2)).isoformat()},
        {"provider": "ses", "ok": True, "at": (now - timedelta(minutes=5)).isoformat()},
        {"provider": "ses", "ok": True, "at": "9999-12-31T23:59:59-23:00"},
        {"provider": "ses", "ok": True, "at": "0001-01-01T00:00:00+23:00"},
    )
    assert answer.json()["accepted"] == 3
    heard = house.store.observations(kind="report").items
    assert all(each.started_at <= house.clock.now() for each in heard)


def test_at_most_a_hundred_reports_fit_in_a_call(api: Api) -> None:
    assert report(api, *[{"provider": "ses", "ok": True}] * 100).json()["accepted"] == 100
    assert report(api, *[{"provider": "ses", "ok": True}] * 101).status_code == 422
    assert report(api).status_code == 422


def test_a_report_that_echoes_a_secret_is_masked(tmp_path: Path) -> None:
    with open_house(tmp_path, mask=lambda text: text.replace("hunter2", "***")) as house:
        reports = [{"provider": "ses", "ok": False, "code": 535, "text": "535 hunter2 is wrong"}]
        headers = {"Authorization": f"Bearer {SECRETS['report']}"}
        assert (
            house.app.test_client().post("/v1/reports", json={"reports": reports}, headers=headers).status_code == 200
        )
        (heard,) = house.store.observations(kind="report").items
        assert heard.failure is not None
        assert heard.failure.text == "535 *** is wrong"


# -- providers --------------------------------------------------------------------------------------------------------


def test_a_provider_tells_its_health_and_why_it_is_open(api: Api, house: House) -> None:
    house.succeed("sendgrid", "ses")
    assert api.get("/v1/providers/postmark").json()["health"] == "unknown"
    assert api.get("/v1/providers/ses").json()["health"] == "healthy"
    house.fail("postmark")
    told = api.get("/v1/providers/postmark").json()
    assert (told["health"], told["breaker"], told["failure_kind"]) == ("down", "open", "transient")
    assert told["opened_at"]
    assert told["opened_because"]
    assert told["last_failures"][-1]["text"] == "no service"
    assert told["runs"].keys() == {"port", "login", "envelope", "send"}
    assert told["metrics"]["checks"] == 3
    assert told["score"] == {"percent": 0.0, "sends": 0, "checks": 3}


def test_a_provider_is_taken_out_and_let_back(api: Api) -> None:
    out = api.operate("PATCH", "/v1/providers/postmark", json={"enabled": False}).json()
    assert (out["enabled"], out["health"]) == (False, "disabled")
    assert api.get("/v1/active-provider").json()["provider"] == "sendgrid"
    assert api.operate("PATCH", "/v1/providers/postmark", json={"enabled": True}).json()["enabled"] is True


def test_a_check_shows_each_stage(api: Api, house: House) -> None:
    assert api.operate("POST", "/v1/providers/ses/check", json={}).status_code == 503

    def check(provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        return [house.probe(provider, kind) for kind in kinds]

    house.service.offer_checks(check)
    told = api.operate("POST", "/v1/providers/ses/check", json={"kinds": ["login", "login"]}).json()
    assert told["provider"] == "ses"
    assert [(each["kind"], each["ok"], each["failure"]) for each in told["results"]] == [("login", True, None)]


def test_checks_that_take_their_time_keep_nobody_else_waiting(api: Api, house: House) -> None:
    """A workflow that tests twenty providers at once, each by a round trip."""
    may_end, begun = threading.Event(), threading.Semaphore(0)

    def slow(provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        begun.release()
        assert may_end.wait(60)
        return [house.probe(provider, kind) for kind in kinds]

    house.service.offer_checks(slow)
    with ThreadPoolExecutor(20) as pool:
        checks = [pool.submit(api.operate, "POST", "/v1/providers/ses/check", json={}) for _ in range(20)]
        try:
            assert all(begun.acquire(timeout=20) for _ in checks)
            assert api.get("/healthz", scope=None).json() == {"status": "ok"}
            assert report(api, {"provider": "ses", "ok": True}).status_code == 200
        finally:
            may_end.set()
        assert {each.result().status_code for each in checks} == {200}


def test_the_mailbox_hears_of_arrivals(api: Api, house: House) -> None:
    body = {"nonce": "n-1", "folder": "Junk", "headers": {"X-Spam": "yes"}}
    post = "/v1/mailbox/ses"
    assert api.call("POST", post, scope="report", json=body).json() == {"expected": False}
    heard: list[object] = []

    def inlet(provider: str, nonce: str, folder: str, headers: Mapping[str, str]) -> bool:
        heard.append((provider, nonce, folder, headers))
        return True

    house.service.offer_mailbox(inlet)
    assert api.call("POST", post, scope="report", json=body).json() == {"expected": True}
    assert heard == [("ses", "n-1", "Junk", {"X-Spam": "yes"})]
    assert api.call("POST", "/v1/mailbox/nobody", scope="report", json=body).status_code == 404


# -- logs -------------------------------------------------------------------------------------------------------------


def test_a_failover_is_in_every_log(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    flip = api.get("/v1/events?type=failover.happened").json()["items"][0]
    assert flip["subject"] == "stream/transactional"
    assert (flip["data"]["from"], flip["data"]["to"]) == ("postmark", "sendgrid")
    assert flip["time"] == flip["timestamp"]
    logged = api.get("/v1/failovers").json()["items"][-1]
    assert (logged["event"], logged["from"], logged["to"]) == (flip["id"], "postmark", "sendgrid")
    incident = api.get("/v1/incidents?open=true").json()["items"][0]
    assert incident["subject"] == "provider/postmark"
    seen = api.operate("POST", f"/v1/incidents/{incident['id']}/acknowledge").json()
    assert seen["acknowledged_by"] == "operate-token"
    assert api.get("/v1/observations?provider=postmark&newest=true&limit=1").json()["items"][0]["ok"] is False


def test_a_list_goes_on_where_it_ended(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    whole = [each["id"] for each in api.get("/v1/events").json()["items"]]
    assert len(whole) > 2
    page = api.get("/v1/events?limit=1").json()
    piecewise = [each["id"] for each in page["items"]]
    while page["next"]:
        page = api.get(f"/v1/events?limit=1&after={page['next']}").json()
        piecewise += [each["id"] for each in page["items"]]
    assert piecewise == whole
    assert [each["id"] for each in api.get("/v1/events?newest=1").json()["items"]] == whole[::-1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/providers", "name"),
        ("/v1/streams", "stream"),
        ("/v1/outbox", "stream"),
        ("/v1/subscriptions", "id"),
    ],
)
def test_a_short_list_comes_whole_or_in_pieces(api: Api, path: str, name: str) -> None:
    for number in range(3):
        api.operate("POST", "/v1/subscriptions", json={"url": f"https://tool.example/{number}"})
    whole = api.get(path, scope="operate").json()
    page = api.get(f"{path}?limit=1", scope="operate").json()
    piecewise = page["items"]
    while page["next"]:
        assert len(page["items"]) == 1
        page = api.get(f"{path}?limit=1&after={page['next']}", scope="operate").json()
        piecewise += page["items"]
    assert [each[name] for each in piecewise] == [each[name] for each in whole["items"]]
    assert (len(piecewise) > 1, whole["next"]) == (True, None)
    assert api.get(f"{path}?after=nobody", scope="operate").status_code == 404
    assert api.get(f"{path}?limit=0", scope="operate").status_code == 422


# -- trouble of our own ---------------------------------------------------------------------------------------------


def test_a_defect_is_a_problem_that_tells_strangers_nothing(
    api: Api, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        raise RuntimeError("SECRET-CANARY")

    house.service.offer_checks(broken)
    answer = api.operate("POST", "/v1/providers/ses/check", json={})
    assert answer.status_code == 500
    assert "CANARY" not in answer.text
    assert "CANARY" in caplog.text


def test_the_flag_needs_no_store(api: Api, house: House, tmp_path: Path) -> None:
    house.store.close()
    for path in tmp_path.glob("mailover.db*"):
        path.write_bytes(b"not a database" * 1000)
    lost = api.get("/v1/providers")
    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "5")
    assert api.get("/v1/active-provider").status_code == 200
    assert api.get("/readyz", scope=None).json()["store_writable"] is False


# -- the same call twice ----------------------------------------------------------------------------------------------


def test_a_call_made_twice_is_carried_out_once(api: Api, house: House) -> None:
    call = {"json": {"provider": "ses", "minutes": 5}, "headers": {"Idempotency-Key": "once"}}
    first = api.operate("PUT", f"{STREAM}/pin", **call)
    house.service.order(
        PinProvider(stream="transactional", provider="sendgrid", until=house.clock.now() + timedelta(1))
    )
    again = api.operate("PUT", f"{STREAM}/pin", **call)
    assert (again.status_code, json.loads(again.content)) == (first.status_code, json.loads(first.content))
    assert api.get("/v1/active-provider").json()["provider"] == "sendgrid"


def test_the_same_key_for_another_call_is_refused(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    assert api.operate("PUT", f"{STREAM}/pin", json={"provider": "ses", "minutes": 5}, headers=key).status_code == 200
    other = api.operate("PUT", f"{STREAM}/pin", json={"provider": "ses", "minutes": 6}, headers=key)
    assert other.status_code == 422
    mine = api.call(
        "POST", "/v1/reports", scope="report", json={"reports": [{"provider": "ses", "ok": True}]}, headers=key
    )
    assert mine.status_code == 200


def test_a_refused_call_may_be_tried_again_under_its_key(api: Api) -> None:
    key = {"Idempotency-Key": "again"}
    disable, pin = {"enabled": False}, {"provider": "ses", "minutes": 5}
    api.operate("PATCH", "/v1/providers/ses", json=disable)
    assert api.operate("PUT", f"{STREAM}/pin", json=pin, headers=key).status_code == 409
    api.operate("PATCH", "/v1/providers/ses", json={"enabled": True})
    assert api.operate("PUT", f"{STREAM}/pin", json=pin, headers=key).status_code == 200
    assert api.operate("POST", f"{STREAM}/failback", headers={"Idempotency-Key": "x" * 300}).status_code == 400


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_metrics_tell_what_the_flag_says(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    lines = api.get("/metrics", scope="metrics").text.splitlines()
    assert 'mailover_provider_up{provider="postmark"} 0.0' in lines
    assert 'mailover_provider_active{provider="sendgrid",stream="transactional"} 1.0' in lines
    moved = 'from_provider="postmark",reason="failover",stream="transactional",to_provider="sendgrid"'
    assert f"mailover_failovers_total{{{moved}}} 1.0" in lines
    assert any(
        line.startswith("mailover_provider_circuit_state{") and '"open"' in line and line.endswith(" 1.0")
        for line in lines
    )
