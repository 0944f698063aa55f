"""The Mailover Trigger in real n8n: its subscription's life, what it believes, and what restarts cost."""

import base64
import hashlib
import hmac
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
from n8n_world import World
from running_n8n import until

pytestmark = pytest.mark.timeout(300)
PINNED = ["stream.pinned"]


def workflow(*events: str, **parameters: object) -> dict[str, Any]:
    """A trigger, and nothing else."""
    node = {
        "id": "4f0b2a54-6e0b-4f57-9d5c-0c2a8f4f4c11",
        "name": "Mailover Trigger",
        "type": "n8n-nodes-mailover.mailoverTrigger",
        "typeVersion": 1,
        "position": [0, 0],
        "webhookId": str(uuid.uuid4()),
        "parameters": {"events": list(events), **parameters},
        "credentials": {"mailoverApi": {"name": "Mailover API"}},
    }
    return {"name": "Trigger", "nodes": [node], "connections": {}, "settings": {"executionOrder": "v1"}}


def pin(world: World, provider: str = "sendgrid") -> dict[str, Any]:
    """Something happens; the event that says so."""
    world.call("PUT", "/streams/bulk/pin", {"provider": provider, "minutes": 5})
    told = world.call("GET", "/events?type=stream.pinned&newest=true&limit=1")["items"][0]
    event: dict[str, Any] = told
    return event


def started_by(world: World, active: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that started runs, oldest first."""
    runs = [world.n8n.run_of(each["id"]) for each in reversed(world.n8n.executions(active)) if each["stoppedAt"]]
    return [run["nodes"]["Mailover Trigger"][0]["data"]["main"][0][0]["json"] for run in runs]


def ids(world: World, active: dict[str, Any]) -> list[str]:
    """Their ids."""
    return [each["id"] for each in started_by(world, active)]


@pytest.fixture
def active(mended: World) -> Iterator[dict[str, Any]]:
    """An active workflow that hears of pins."""
    with mended.active(workflow(*PINNED)) as made:
        until(lambda: len(mended.subscriptions()) == 1, "the subscription")
        yield made


def signed(secret: str, event: dict[str, Any], at: float) -> tuple[bytes, dict[str, str]]:
    """A delivery as mailover would make it."""
    body = json.dumps(event).encode()
    to_sign = f"{event['id']}.{int(at)}.".encode() + body
    mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), to_sign, hashlib.sha256)
    return body, {
        "Content-Type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(at)),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def secret_of(world: World, active: dict[str, Any]) -> str:
    """What n8n keeps with the workflow."""
    kept = world.n8n.call("GET", f"/workflows/{active['id']}")["staticData"]
    (mine,) = kept["node:Mailover Trigger"]["subscriptions"].values()
    return str(mine["secret"])


# -- the subscription -------------------------------------------------------------------------------------------------


def test_it_lives_as_long_as_the_workflow_is_active(mended: World) -> None:
    filters = {"stream": {"__rl": True, "mode": "name", "value": "bulk"}, "severity": "info"}
    with mended.active(workflow("failover.happened", *PINNED, filters=filters)):
        (made,) = until(mended.subscriptions, "the subscription")
        assert made["url"].startswith(f"{mended.n8n.url}/webhook/")
        assert made["events"] == ["failover.happened", "stream.pinned"]
        assert made["filter"] == {"streams": ["bulk"], "providers": [], "severity": "info"}
        assert (made["by"], made["enabled"], made["once"]) == ("n8n", True, False)
    until(lambda: mended.subscriptions() == [], "the end of the subscription")


def test_other_events_replace_it(mended: World, active: dict[str, Any]) -> None:
    (before,) = mended.subscriptions()
    nodes = workflow("stream.unpinned")["nodes"]
    nodes[0].update(credentials=active["nodes"][0]["credentials"], webhookId=active["nodes"][0]["webhookId"])
    body = {"nodes": nodes, "connections": {}, "versionId": active["versionId"]}
    changed = mended.n8n.call("PATCH", f"/workflows/{active['id']}", body)
    mended.n8n.activate(changed)
    until(lambda: [each["events"] for each in mended.subscriptions()] == [["stream.unpinned"]], "the new one")
    assert mended.subscriptions()[0]["id"] != before["id"]


def test_a_failed_activation_says_what_is_wrong(mended: World) -> None:
    wrong = {"baseUrl": f"http://127.0.0.1:{mended.agent.port}", "apiToken": "mlo_wrong"}
    identity = mended.n8n.add_credential("Wrong", "mailoverApi", wrong)
    added = mended.n8n.add_workflow(workflow(*PINNED), {"Mailover API": identity})
    with pytest.raises(AssertionError, match="A valid token is needed"):
        mended.n8n.activate(added)
    assert mended.subscriptions() == []


# -- what it believes -------------------------------------------------------------------------------------------------


def test_an_event_starts_the_workflow_with_the_event_as_its_data(mended: World, active: dict[str, Any]) -> None:
    event = pin(mended)
    until(lambda: started_by(mended, active) == [event], "the run")
    (subscription,) = mended.subscriptions()
    (delivery,) = mended.call("GET", f"/subscriptions/{subscription['id']}/deliveries")["items"]
    assert (delivery["state"], delivery["status"]) == ("delivered", 200)


def test_what_is_forged_or_stale_is_refused_and_a_repeat_starts_nothing(mended: World, active: dict[str, Any]) -> None:
    event = pin(mended)
    until(lambda: ids(mended, active) == [event["id"]], "the run")
    url, secret, now = mended.subscriptions()[0]["url"], secret_of(mended, active), time.time()

    def answered(body: bytes, headers: dict[str, str]) -> int:
        return requests.post(url, data=body, headers=headers, timeout=30).status_code

    another = {**event, "id": "evt_another"}
    body, headers = signed(secret, another, now)
    forged = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert answered(*signed(forged, another, now)) == 401
    assert answered(*signed(secret, another, now - 301)) == 401
    assert answered(*signed(secret, another, now + 301)) == 401
    assert answered(body.replace(b"bulk", b"mine"), headers) == 401
    assert answered(body, {**headers, "webhook-id": "evt_third"}) == 401
    assert answered(body, {"Content-Type": "application/json"}) == 401
    assert answered(*signed(secret, event, now)) == 200, "genuine, but it came before"
    assert answered(body, headers) == 200
    until(lambda: ids(mended, active) == [event["id"], "evt_another"], "the run of the genuine one")
    assert "a delivery is refused: its signature fits no secret of ours" in mended.n8n.words()


def test_while_a_secret_is_replaced_the_old_one_is_believed_too(mended: World, active: dict[str, Any]) -> None:
    """Somebody registers the receiver anew with a secret that n8n does not know: mailover signs with both for a day."""
    (subscription,) = mended.subscriptions()
    terms = {"url": subscription["url"], "events": PINNED, "secret": "whsec_" + base64.b64encode(b"y" * 32).decode()}
    assert mended.call("POST", "/subscriptions", terms)["id"] == subscription["id"]
    event = pin(mended)
    until(lambda: ids(mended, active) == [event["id"]], "the run")


# -- restarts ---------------------------------------------------------------------------------------------------------


def restart_n8n(world: World) -> None:
    world.n8n.start()
    world.n8n.sign_in()


def test_a_restart_of_n8n_loses_no_subscription_and_no_event(mended: World, active: dict[str, Any]) -> None:
    (before,) = mended.subscriptions()
    mended.n8n.stop()
    while_away = pin(mended)
    until(lambda: mended.subscriptions()[0]["pending"] == 1, "the event that waits")
    restart_n8n(mended)
    until(lambda: ids(mended, active) == [while_away["id"]], "the event of the time away", 90)
    assert [each["id"] for each in mended.subscriptions()] == [before["id"]]


def test_a_killed_mailover_loses_no_subscription(mended: World, active: dict[str, Any]) -> None:
    (before,) = mended.subscriptions()
    with mended.without_mailover():
        pass
    assert [each["id"] for each in mended.subscriptions()] == [before["id"]]
    event = pin(mended)
    until(lambda: ids(mended, active) == [event["id"]], "the run")


def test_what_mailover_has_lost_or_somebody_changed_is_put_right_when_n8n_starts(
    mended: World, active: dict[str, Any]
) -> None:
    (before,) = mended.subscriptions()
    changed = {"url": before["url"], "events": PINNED, "filter": {"severity": "critical"}}
    assert mended.call("POST", "/subscriptions", changed)["id"] == before["id"]
    with mended.active(workflow("stream.unpinned")) as other:
        lost = next(each for each in mended.subscriptions() if each["events"] == ["stream.unpinned"])
        mended.call("DELETE", f"/subscriptions/{lost['id']}")
        mended.n8n.stop()
        restart_n8n(mended)
        until(lambda: len(mended.subscriptions()) == 2, "both subscriptions")
        (kept,) = [each for each in mended.subscriptions() if each["events"] == PINNED]
        assert (kept["id"], kept["filter"]["severity"]) == (before["id"], None)
        event = pin(mended)
        mended.call("DELETE", "/streams/bulk/pin")
        until(lambda: ids(mended, active) == [event["id"]] and len(ids(mended, other)) == 1, "both runs")


# -- in the editor, and how fast --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample", "kind"), [("latest", "stream.pinned"), ("test", "webhook.test")])
def test_listening_for_a_test_event_is_fed(mended: World, sample: str, kind: str) -> None:
    newest = pin(mended)
    added = mended.n8n.add_workflow(workflow(*PINNED, options={"sample": sample}), mended.credentials)
    wanted = {"workflowData": added, "triggerToStartFrom": {"name": "Mailover Trigger"}}
    assert mended.n8n.call("POST", f"/workflows/{added['id']}/run", wanted) == {"waitingForWebhook": True}
    (event,) = until(lambda: started_by(mended, added), "the test event")
    assert event["type"] == kind
    assert sample != "latest" or event == newest
    until(lambda: mended.subscriptions() == [], "the end of listening")


def test_a_flip_starts_a_workflow_within_half_a_second(
    mended: World, active: dict[str, Any], record_testsuite_property: Callable[[str, object], None]
) -> None:
    spans = []
    for count in range(1, 11):
        event = pin(mended, ("sendgrid", "ses")[count % 2])
        until(lambda n=count: len(ids(mended, active)) == n, "the run")
        started = mended.n8n.executions(active)[0]["startedAt"]
        spans.append((instant(started) - instant(event["time"])).total_seconds())
    record_testsuite_property(
        "from commit to n8n's run", f"median {statistics.median(spans):.3f} s, worst {max(spans):.3f} s"
    )
    assert statistics.median(spans) < 0.5, spans


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
