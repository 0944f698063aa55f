"""Receivers of outgoing webhooks, registered and looked after over the API, on both servers."""

import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import requests
from api_house import SECRETS, TOKENS, Api, House, flask_alone, open_house

from mailover.core.events import EventType, rfc3339
from mailover.secrets import Secret
from mailover.storage.hooks import Settlement
from mailover.storage.roster import MOST_SUBSCRIPTIONS, Hook, Roster, new_signing_secret
from mailover.storage.store import Delivery
from webhooks.parts import EXTENSION

URL = "https://tool.example/hook"
SECRET = new_signing_secret().reveal()


def subscribe(api: Api, **body: object) -> requests.Response:
    return api.operate("POST", "/v1/subscriptions", json={"url": URL, **body})


def configured(house: House) -> Hook:
    """A receiver that stands in the config."""
    hook = Hook(name="ticketing", url="https://tickets.example/", secret=new_signing_secret())
    house.parts.roster.use([hook], ())
    return hook


def leased(house: House, name: str) -> Delivery:
    now = house.clock.now()
    (delivery,) = house.store.hooks.due([f"webhook/{name}"], now=now, limit=1, lease=timedelta(seconds=30))
    return delivery


def settle(house: House, name: str, **more: Any) -> Delivery:
    """What the sender would write down about its next attempt."""
    delivery = leased(house, name)
    house.store.hooks.settle([Settlement(seq=delivery.seq, endpoint=delivery.endpoint, at=house.clock.now(), **more)])
    house.parts.roster.refresh()
    return delivery


# -- registering ------------------------------------------------------------------------------------------------------


def test_a_secret_that_is_made_is_told_once(api: Api) -> None:
    made = subscribe(api, events=["failover.happened"])
    assert made.status_code == 201
    body = made.json()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", body["secret"])
    again = subscribe(api, events=["failover.happened"])
    assert (again.status_code, again.json()["id"], again.json()["secret"]) == (200, body["id"], None)
    told = [api.get("/v1/subscriptions", scope="operate"), api.get(f"/v1/subscriptions/{body['id']}", scope="operate")]
    assert all(answer.ok and body["secret"] not in answer.text for answer in told)


def test_a_secret_of_the_callers_is_never_told(api: Api) -> None:
    made = subscribe(api, secret=SECRET)
    assert made.json()["secret"] is None
    assert SECRET not in api.get("/v1/subscriptions", scope="operate").text + made.text


def test_the_same_url_and_events_again_change_the_terms_and_keep_the_id(api: Api) -> None:
    first = subscribe(api, events=["failover.happened", "failback.happened"], once=True).json()
    second = subscribe(api, events=["failback.happened", "failover.happened"], filter={"stream": "marketing"}).json()
    other = subscribe(api, events=["failover.happened"]).json()
    assert second["id"] == first["id"] != other["id"]
    assert (second["once"], second["filter"]["streams"]) == (False, ["marketing"])
    assert len(api.get("/v1/subscriptions", scope="operate").json()["items"]) == 2


def test_another_secret_is_a_rotation_in_which_the_old_one_signs_on(api: Api, house: House) -> None:
    name = subscribe(api, secret=SECRET).json()["id"]
    subscribe(api, secret=new_signing_secret().reveal())
    hook = house.parts.roster.find(name)
    now = house.clock.now()
    assert [each.reveal() == SECRET for each in hook.signing(now)] == [False, True]
    assert len(hook.signing(now + timedelta(hours=25))) == 1


def test_what_is_asked_for_is_what_is_told(api: Api, house: House) -> None:
    expires = rfc3339(house.clock.now() + timedelta(hours=1))
    wanted = {"stream": "marketing", "provider": "ses", "severity": "warning"}
    body = subscribe(api, events=["stream.recovered"], filter=wanted, once=True, expires=expires).json()
    assert (body["events"], body["once"], body["expires"]) == (["stream.recovered"], True, expires)
    assert body["filter"] == {"streams": ["marketing"], "providers": ["ses"], "severity": "warning"}
    assert (body["configured"], body["enabled"], body["by"]) == (False, True, "operate-token")


@pytest.mark.parametrize(
    "url",
    [
        "http://tool.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0/",
        "https://me:password@tool.example/",
        "ftp://tool.example/",
        "https://tool.example:99999/",
        "nonsense",
    ],
)
def test_a_url_out_of_reach_is_refused_with_the_reason(api: Api, url: str) -> None:
    answer = api.operate("POST", "/v1/subscriptions", json={"url": url})
    assert answer.status_code in {409, 422}, answer.text
    assert "password" not in answer.text.replace("a password or a blank", "")


@pytest.mark.parametrize(
    "body",
    [
        {"events": ["nothing.happened"]},
        {"secret": "whsec_short"},
        {"secret": "x" * 60},
        {"expires": "2020-01-01T00:00:00Z"},
        {"expires": "2030-01-01T00:00:00"},
        {"filter": {"stream": "nowhere"}},
        {"filter": {"provider": "nobody"}},
        {"filter": {"severity": "loud"}},
        {"filter": {"colour": "red"}},
        {"once": "yes"},
        {"colour": "red"},
    ],
)
def test_what_does_not_fit_is_refused(api: Api, body: dict[str, object]) -> None:
    assert subscribe(api, **body).status_code in {409, 422}
    assert api.get("/v1/subscriptions", scope="operate").json()["items"] == []


def test_only_who_may_operate_sees_receivers(api: Api) -> None:
    """A URL may hold a token of the receiver's."""
    name = subscribe(api).json()["id"]
    for path in ("/v1/subscriptions", f"/v1/subscriptions/{name}", f"/v1/subscriptions/{name}/deliveries"):
        assert api.get(path, scope="read").status_code == 403


def test_a_fixed_header_is_kept_and_its_value_told_to_nobody(api: Api, house: House) -> None:
    made = subscribe(api, header="X-Token: very-secret").json()
    assert made["header"] == "X-Token"
    assert "very-secret" not in api.operate("GET", "/v1/subscriptions").text
    (kept,) = house.parts.roster.hooks.values()
    assert kept.header == Secret("X-Token: very-secret")
    for odd in ("very-odd", "webhook-id: very-odd", "Content-Type: very-odd", "X: very-odd\u00e9", "X: a\nY: very-odd"):
        answer = subscribe(api, header=odd)
        assert answer.status_code == 422
        assert "very-odd" not in answer.text


def test_there_is_an_end_to_how_many_there_may_be(api: Api) -> None:
    for number in range(MOST_SUBSCRIPTIONS):
        assert api.operate("POST", "/v1/subscriptions", json={"url": f"{URL}/{number}"}).status_code == 201
    assert subscribe(api).status_code == 409
    assert api.operate("POST", "/v1/subscriptions", json={"url": f"{URL}/7"}).status_code == 200


def test_an_allowed_network_may_be_reached_and_no_other(tmp_path: Path) -> None:
    with open_house(tmp_path) as house, flask_alone(house.app) as url, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {SECRETS['operate']}"
        house.parts.roster.use([], (ip_network("10.0.0.0/8"),))

        def status(target: str) -> int:
            return session.post(f"{url}/v1/subscriptions", json={"url": target}, timeout=10).status_code

        assert [status("http://10.1.2.3:5678/webhook/x"), status("http://n8n.internal:5678/webhook/x")] == [201, 201]
        assert [status("http://127.0.0.1:5678/"), status("http://192.168.1.1/")] == [409, 409]


# -- what an event meets ----------------------------------------------------------------------------------------------


def test_an_event_waits_for_whom_it_concerns(api: Api, house: House) -> None:
    concerned = subscribe(api, events=["failover.happened"], filter={"stream": "transactional"}).json()["id"]
    elsewhere = {"url": f"{URL}/2", "filter": {"stream": "marketing"}}
    other = api.operate("POST", "/v1/subscriptions", json=elsewhere).json()["id"]
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    assert api.get(f"/v1/subscriptions/{concerned}", scope="operate").json()["pending"] == 1
    assert api.get(f"/v1/subscriptions/{other}", scope="operate").json()["pending"] == 0
    (line,) = api.get(f"/v1/subscriptions/{concerned}/deliveries", scope="operate").json()["items"]
    assert (line["type"], line["state"], line["failures"]) == ("failover.happened", "pending", 0)


def test_the_log_tells_what_became_of_each_event(api: Api, house: House) -> None:
    name = subscribe(api).json()["id"]
    path = f"/v1/subscriptions/{name}"
    first = api.operate("POST", f"{path}/test", json={}).json()["event"]
    second = api.operate("POST", f"{path}/test", json={}).json()["event"]
    settle(house, name, status=204)
    settle(house, name, status=503, error="it answered 503 Service Unavailable")
    lines = api.get(f"{path}/deliveries", scope="operate").json()["items"]
    assert [(x["event"], x["state"], x["status"]) for x in lines] == [
        (second, "given up", 503),
        (first, "delivered", 204),
    ]
    assert lines[0]["last_error"] == "it answered 503 Service Unavailable"
    page = api.get(f"{path}/deliveries?limit=1", scope="operate").json()
    rest = api.get(f"{path}/deliveries?limit=1&after={page['next']}", scope="operate").json()
    assert [x["event"] for x in (*page["items"], *rest["items"])] == [second, first]
    assert rest["next"] is None


def test_an_event_is_sent_anew_under_its_old_id(api: Api, house: House) -> None:
    name = subscribe(api).json()["id"]
    path = f"/v1/subscriptions/{name}"
    event = api.operate("POST", f"{path}/test", json={}).json()["event"]
    settle(house, name, status=500, error="no")
    assert api.operate("POST", f"{path}/replay", json={}).json() == {"queued": 1}
    assert settle(house, name, status=200).event.id == event
    assert api.operate("POST", f"{path}/replay", json={}).json() == {"queued": 0}
    assert api.operate("POST", f"{path}/replay", json={"event": event}).json() == {"queued": 1}
    assert settle(house, name, status=200).event.id == event
    started = house.store.events(types=[EventType.AGENT_STARTED]).items[0].id
    assert api.operate("POST", f"{path}/replay", json={"event": started}).json() == {"queued": 1}
    assert leased(house, name).event.id == started
    assert api.operate("POST", f"{path}/replay", json={"event": "evt_none"}).status_code == 404


def test_a_receiver_that_is_gone_is_seen_and_switched_on_again(api: Api, house: House) -> None:
    name = subscribe(api).json()["id"]
    path = f"/v1/subscriptions/{name}"
    api.operate("POST", f"{path}/test", json={})
    settle(house, name, status=410, error="it answered 410 Gone", silence="it answered 410 Gone")
    body = api.get(path, scope="operate").json()
    assert (body["enabled"], body["disabled_because"], body["pending"]) == (False, "it answered 410 Gone", 1)
    assert api.operate("POST", f"{path}/test", json={}).status_code == 409
    assert api.operate("POST", f"{path}/replay", json={}).status_code == 409
    assert api.operate("PATCH", path, json={"enabled": True}).json()["enabled"]
    assert leased(house, name)


def test_who_registers_again_is_switched_on_again(api: Api, house: House) -> None:
    name = subscribe(api).json()["id"]
    api.operate("POST", f"/v1/subscriptions/{name}/test", json={})
    settle(house, name, status=410, error="it answered 410 Gone", silence="it answered 410 Gone")
    assert subscribe(api).json()["enabled"]


def test_a_subscription_ends_with_what_waits_for_it(api: Api, house: House) -> None:
    name = subscribe(api).json()["id"]
    path = f"/v1/subscriptions/{name}"
    api.operate("POST", f"{path}/test", json={})
    assert api.operate("DELETE", path).json() == {"id": name, "deleted": True}
    assert api.get(path, scope="operate").status_code == 404
    assert api.operate("DELETE", path).status_code == 404
    assert house.store.backlogs() == ()


def test_receivers_of_the_config_are_looked_after_here_and_changed_there(api: Api, house: House) -> None:
    hook = configured(house)
    (body,) = api.get("/v1/subscriptions", scope="operate").json()["items"]
    assert (body["id"], body["configured"], body["created"]) == ("ticketing", True, None)
    assert hook.secret.reveal() not in str(body)
    assert api.operate("DELETE", "/v1/subscriptions/ticketing").status_code == 409
    event = api.operate("POST", "/v1/subscriptions/ticketing/test", json={}).json()["event"]
    assert leased(house, "ticketing").event.id == event


def test_another_agents_subscription_is_served_within_seconds(api: Api, house: House) -> None:
    """The other agent shares the store and nothing else."""
    name = subscribe(api).json()["id"]
    assert list(Roster(house.store.hooks, house.clock).hooks) == [f"webhook/{name}"]


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[tuple[str, House]]:
    """A house that was left and entered again."""
    with open_house(tmp_path, tokens=TOKENS) as before:
        roster = before.app.extensions[EXTENSION].roster
        with flask_alone(before.app) as url:
            headers = {"Authorization": f"Bearer {SECRETS['operate']}"}
            made = requests.post(f"{url}/v1/subscriptions", json={"url": URL}, headers=headers, timeout=10)
        roster.send_test(made.json()["id"], "me")
    with open_house(tmp_path, tokens=TOKENS) as after:
        yield made.json()["id"], after


def test_a_restart_loses_neither_subscription_nor_event(restarted: tuple[str, House]) -> None:
    name, house = restarted
    assert house.parts.roster.find(name).url == URL
    assert leased(house, name).event.type is EventType.WEBHOOK_TEST
