"""The node Mailover in real n8n: every operation of every resource, against a real mailover."""

import uuid
from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

import pytest
from long_log import LongLog
from lossy_line import LossyLine
from n8n_world import TOKEN, World
from running_n8n import until

from mailover.demo.behaviour import Behaviour

pytestmark = pytest.mark.timeout(120)


def named(name: str) -> dict[str, object]:
    """A stream or provider as the editor writes it."""
    return {"__rl": True, "mode": "name", "value": name}


def node(resource: str, operation: str, **parameters: object) -> dict[str, Any]:
    chosen = {key: named(str(each)) if key in {"stream", "provider"} else each for key, each in parameters.items()}
    return {
        "id": str(uuid.uuid4()),
        "name": "Mailover",
        "type": "n8n-nodes-mailover.mailover",
        "typeVersion": 1,
        "position": [200, 0],
        "parameters": {"resource": resource, "operation": operation, **chosen},
        "credentials": {"mailoverApi": {"name": "Mailover API"}},
    }


def asked(world: World, resource: str, operation: str, **parameters: object) -> Any:
    """What the node gives, as items."""
    return given(world, node(resource, operation, **parameters))


def given(world: World, mailover: dict[str, Any]) -> Any:
    """What a node gives, as items; when its run failed, the error."""
    path = str(uuid.uuid4())
    start = {
        "id": str(uuid.uuid4()),
        "name": "Webhook",
        "type": "n8n-nodes-base.webhook",
        "typeVersion": 2,
        "position": [0, 0],
        "webhookId": path,
        "parameters": {
            "httpMethod": "POST",
            "path": path,
            "responseMode": "lastNode",
            "responseData": "allEntries",
            "options": {},
        },
    }
    document = {
        "name": "Mailover",
        "nodes": [start, mailover],
        "connections": {"Webhook": {"main": [[{"node": "Mailover", "type": "main", "index": 0}]]}},
        "settings": {"executionOrder": "v1"},
    }
    with world.active(document) as workflow:
        answer = world.post_to(path, {})
        if answer.ok:
            return answer.json()
        (failed,) = until(lambda: world.n8n.executions(workflow), "the run")
        return world.n8n.run_of(failed["id"])["error"]


def one(world: World, resource: str, operation: str, **parameters: object) -> dict[str, Any]:
    """The only item it gives."""
    items = asked(world, resource, operation, **parameters)
    assert isinstance(items, list), items
    assert len(items) == 1
    item: dict[str, Any] = items[0]
    return item


def test_streams_are_read_and_steered(mended: World) -> None:
    assert one(mended, "stream", "getActive")["stream"] == "transactional"
    assert one(mended, "stream", "getActive", stream="bulk") == mended.flag("bulk")
    assert one(mended, "stream", "get", stream="bulk") == mended.call("GET", "/streams/bulk")
    routed = one(mended, "stream", "route", stream="marketing", recipient="ann@example.net", key="customer-7")
    assert routed == mended.call("GET", "/route/marketing?recipient=ann@example.net&key=customer-7")
    names = [each["stream"] for each in asked(mended, "stream", "getAll")]
    assert sorted(names) == ["bulk", "marketing", "transactional"]
    pinned = one(mended, "stream", "pin", stream="bulk", provider="sendgrid", minutes=5, reason="a look" * 100)
    assert (pinned["flag"]["provider"], pinned["pin"]["by"]) == ("sendgrid", "n8n")
    assert pinned["pin"]["reason"] == ("a look" * 100)[:500]
    assert one(mended, "stream", "unpin", stream="bulk")["pin"] is None
    assert one(mended, "stream", "pauseFailback", stream="bulk", minutes=5)["failback_paused_until"] is not None
    assert one(mended, "stream", "failBack", stream="bulk")["flag"]["provider"] == "ses"
    assert one(mended, "stream", "resumeFailback", stream="bulk")["failback_paused_until"] is None
    assert one(mended, "stream", "setOrder", stream="bulk", providers="sendgrid , ses")["order"] == ["sendgrid", "ses"]
    assert one(mended, "stream", "setOrder", stream="bulk", providers="ses,sendgrid")["order"] == ["ses", "sendgrid"]


def test_a_call_whose_answer_was_lost_is_repeated_and_carried_out_once(mended: World) -> None:
    def pins() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = mended.call("GET", "/events?type=stream.pinned&stream=bulk&limit=500")["items"]
        return found

    before = len(pins())
    with LossyLine(f"http://127.0.0.1:{mended.agent.port}").serving() as line:
        lossy = {"baseUrl": line.url, "apiToken": TOKEN}
        mended.credentials["Lossy"] = mended.n8n.add_credential("Lossy", "mailoverApi", lossy)
        pin = node("stream", "pin", stream="bulk", provider="sendgrid", minutes=5)
        again = {"retryOnFail": True, "maxTries": 3, "waitBetweenTries": 100}
        (stream,) = given(mended, {**pin, **again, "credentials": {"mailoverApi": {"name": "Lossy"}}})
    assert stream["pin"]["provider"] == "sendgrid"
    assert len(line.keys) == 2
    assert line.keys[0] == line.keys[1] is not None
    assert len(pins()) == before + 1


def test_logs_come_in_full_or_up_to_a_limit(mended: World) -> None:
    for provider in ("sendgrid", "ses"):
        mended.call("PUT", "/streams/bulk/pin", {"provider": provider, "minutes": 5})
    everything = mended.call("GET", "/failovers?stream=bulk&newest=true&limit=500")["items"]
    assert asked(mended, "stream", "getFailovers", stream="bulk", returnAll=True) == everything
    assert asked(mended, "stream", "getFailovers", stream="bulk", limit=1) == everything[:1]
    newest = mended.call("GET", "/failovers?limit=2")["items"]
    assert asked(mended, "stream", "getFailovers", newest=False, limit=2) == newest


def test_a_log_in_pages_is_read_to_its_end(mended: World) -> None:
    with LongLog(500, 500, 7).serving() as log:
        identity = mended.n8n.add_credential("Long log", "mailoverApi", {"baseUrl": log.url, "apiToken": TOKEN})
        mended.credentials["Long log"] = identity
        look = node("stream", "getFailovers", stream="bulk", returnAll=True)
        items = given(mended, {**look, "credentials": {"mailoverApi": {"name": "Long log"}}})
    assert [items.count({"page": page, "number": 6}) for page in range(3)] == [1, 1, 1]
    assert len(items) == 1007
    asked_for = {"limit": ["500"], "newest": ["true"], "stream": ["bulk"]}
    assert log.queries == [asked_for, {**asked_for, "after": ["1"]}, {**asked_for, "after": ["2"]}]


def test_providers_are_looked_at_tried_and_taken_out(mended: World) -> None:
    simple = one(mended, "provider", "get", provider="ses")
    assert (simple["name"], simple["health"], len(simple)) == ("ses", "healthy", 11)
    whole = one(mended, "provider", "get", provider="ses", simplify=False)
    assert whole.keys() == mended.call("GET", "/providers/ses").keys()
    assert [each["name"] for each in asked(mended, "provider", "getAll")] == ["postmark", "sendgrid", "ses"]
    assert one(mended, "provider", "disable", provider="ses")["health"] == "disabled"
    assert one(mended, "provider", "enable", provider="ses")["enabled"] is True
    fine = one(mended, "provider", "check", provider="sendgrid", kinds=["port", "login"])
    assert (fine["provider"], fine["ok"], fine["failure"], len(fine["results"])) == ("sendgrid", True, None, 2)
    arrival = one(mended, "provider", "reportArrival", provider="ses", mark=f"mailover test {'0a' * 16} 0a0a0a0a")
    assert arrival == {"expected": False}
    mended.providers["sendgrid"].behave(Behaviour.AUTH)
    bad = one(mended, "provider", "check", provider="sendgrid", kinds=["port", "login"])
    assert (bad["ok"], bad["failure"]["kind"], bad["failure"]["code"]) == (False, "auth", 535)


def test_deliveries_are_reported_in_the_words_of_the_sending_node(mended: World) -> None:
    fine = one(mended, "delivery", "reportSuccess", stream="bulk", provider="ses", additionalFields={"count": 3})
    assert (fine["accepted"], fine["stream"], fine["provider"], fine["try_next"]) == (1, "bulk", "ses", "ses")
    words = "Message failed: 451 4.3.0 try again later"
    bad = one(
        mended,
        "delivery",
        "reportFailure",
        stream="bulk",
        provider="ses",
        text=words,
        additionalFields={"recipientDomain": "Someone <someone@example.net>"},
    )
    assert (bad["accepted"], bad["try_next"]) == (1, "sendgrid")
    told = mended.call("GET", "/observations?kind=report&newest=true&limit=2&provider=ses")["items"]
    failure = told[0]["failure"]
    assert (failure["stage"], failure["code"], failure["enhanced"]) == ("end_data", 451, "4.3.0")
    assert (failure["text"], told[0]["recipient_domain"]) == (words, "example.net")
    assert (told[0]["reporter"], told[1]["count"]) == ("n8n", 3)


def test_mail_is_handed_to_the_relay_and_carried(mended: World) -> None:
    mail = {"from": "Example <billing@example.com>", "subject": "Hello", "message": "It is me.", "html": "<p>It is me."}
    made = one(mended, "delivery", "sendMessage", stream="bulk", to="ann@example.net, Bob <bob@example.net>", **mail)
    assert (made["stream"], made["recipients"]) == ("bulk", 2)
    until(lambda: {to for each in mended.post for to in each.recipients} >= {"ann@example.net", "bob@example.net"})
    sent = mended.post[-1]
    sender = parseaddr(message_from_bytes(sent.content)["From"])
    assert (sent.provider, sender) == ("ses", ("Example", "billing@example.com"))
    until(lambda: {each["stream"]: each["queued"] for each in asked(mended, "delivery", "getQueue")}["bulk"] == 0)


def test_dns_incidents_and_callbacks(mended: World) -> None:
    assert one(mended, "dns", "get", domain="example.com", history=True).keys() == mended.call("GET", "/dns").keys()
    assert one(mended, "dns", "check", domains="").keys() >= {"cells", "domains"}
    mended.providers["ses"].behave(Behaviour.REFUSE)
    until(lambda: mended.flag("bulk")["provider"] == "sendgrid", "the failover")
    incident = asked(mended, "incident", "getAll", limit=1)[0]
    assert incident["subject"] == "provider/ses"
    assert one(mended, "incident", "acknowledge", incident=incident["id"])["acknowledged_by"] == "n8n"
    url = "http://127.0.0.1:9/once?signature=a%2Fb"
    filters = {"stream": named("bulk"), "severity": "info"}
    made = one(mended, "callback", "create", url=url, events=["failback.happened"], expires=5, filters=filters)
    assert (made["url"], made["once"], "secret" in made) == (url, True, False)
    assert made["filter"] == {"streams": ["bulk"], "providers": [], "severity": "info"}
    assert one(mended, "callback", "get", callback=made["id"])["expires"] == made["expires"]
    assert one(mended, "callback", "delete", callback=made["id"])["deleted"] is True
    assert mended.subscriptions() == []


def test_a_failed_call_says_what_happened(mended: World) -> None:
    error = asked(mended, "stream", "pin", stream="bulk", provider="nobody", minutes=5)
    assert error["message"] == "'nobody' is not a provider of bulk: ses and sendgrid are"
    missing = asked(mended, "provider", "get", provider="nobody")
    assert missing["message"] == "no provider is called 'nobody'"
    assert missing["description"].startswith("Nothing has this name.")
    refused = asked(mended, "callback", "create", url="http://10.1.2.3/", events=["failback.happened"], expires=5)
    assert refused["message"].startswith("the URL is refused")
    assert "webhook_allow" in refused["description"]


def test_lists_to_choose_from_are_filled(mended: World) -> None:
    def choices(method: str, search: str = "") -> list[str]:
        wanted = {
            "path": "parameters.stream",
            "nodeTypeAndVersion": {"name": "n8n-nodes-mailover.mailover", "version": 1},
            "currentNodeParameters": {},
            "credentials": {"mailoverApi": {"id": mended.credentials["Mailover API"], "name": "Mailover API"}},
            "methodName": method,
            "filter": search,
        }
        told = mended.n8n.call("POST", "/dynamic-node-parameters/resource-locator-results", wanted)
        return [each["value"] for each in told["results"]]

    assert sorted(choices("searchStreams")) == ["bulk", "marketing", "transactional"]
    assert choices("searchProviders", "s") == ["postmark", "sendgrid", "ses"]
    assert choices("searchProviders", "grid") == ["sendgrid"]
