"""Every example workflow, imported as it is shipped, activated, and run in real n8n against a real mailover."""

import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from n8n_world import EXAMPLES, World, example
from running_n8n import until

from mailover.demo.behaviour import Behaviour

pytestmark = pytest.mark.timeout(300)
MAIL = {"to": "someone@example.net", "subject": "Hello", "text": "It is me."}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"}


def delivered(world: World) -> list[str]:
    """Which providers delivered mail, in order."""
    return [each.provider for each in world.post if each.recipients == (MAIL["to"],)]


def slack(world: World) -> list[str]:
    """What people read in Slack."""
    return [str(each.body.get("text")) for each in world.internet.to("slack.com")]


def output(world: World, workflow: dict[str, Any], node: str) -> dict[str, Any]:
    """What a node gave in the latest finished run that came to it."""

    def found() -> list[dict[str, Any]]:
        done = [each["id"] for each in world.n8n.executions(workflow) if each["status"] == "success"]
        runs = (world.n8n.run_of(each)["nodes"] for each in done)
        return [run[node][-1]["data"]["main"][0][0]["json"] for run in runs if node in run]

    told: dict[str, Any] = until(found, f"a run of {node}")[0]
    return told


def broken(world: World, provider: str, behaviour: Behaviour = Behaviour.REFUSE) -> None:
    """The provider is out, and transactional mail has left it."""
    world.providers[provider].behave(behaviour)
    until(lambda: world.flag()["provider"] != provider, "the failover")


# -- send mail with failover ------------------------------------------------------------------------------------------


def test_mail_goes_through_the_active_provider(mended: World) -> None:
    with mended.active(example("send-mail-with-failover")) as workflow:
        told = mended.post_to("send-mail", MAIL)
        assert (told.status_code, told.json()) == (200, {"sent": True, "provider": "postmark"})
        assert delivered(mended) == ["postmark"]
        assert output(mended, workflow, "Report Success")["accepted"] == 1


def test_a_mail_that_fails_is_sent_by_the_next_provider_in_the_same_run_and_moves_the_flag(mended: World) -> None:
    """No probe sees this fault: logins work, and only a transaction is refused."""
    with mended.active(example("send-mail-with-failover")) as workflow:
        mended.post_to("send-mail", MAIL)
        mended.providers["postmark"].behave(Behaviour.SUSPENDED)
        told = mended.post_to("send-mail", MAIL)
        assert told.json() == {"sent": True, "provider": "sendgrid"}
        assert delivered(mended) == ["postmark", "sendgrid"]
        assert output(mended, workflow, "Report Failure")["try_next"] == "sendgrid"
        until(lambda: mended.flag()["provider"] == "sendgrid", "the flag after a report")
        assert "suspended" in str(mended.call("GET", "/observations?kind=report&newest=true")["items"])


def test_a_port_that_refuses_costs_no_mail(mended: World) -> None:
    with mended.active(example("send-mail-with-failover")):
        mended.post_to("send-mail", MAIL)
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        answers = [mended.post_to("send-mail", MAIL).json() for _ in range(5)]
        assert {each["provider"] for each in answers} == {"sendgrid"}
        assert delivered(mended).count("sendgrid") == 5


def test_when_nobody_takes_it_the_caller_is_told(mended: World) -> None:
    with mended.active(example("send-mail-with-failover")):
        for name in ("postmark", "sendgrid"):
            mended.providers[name].behave(Behaviour.SUSPENDED)
        told = mended.post_to("send-mail", MAIL)
        assert (told.status_code, told.json()["sent"]) == (503, False)


# -- the others -------------------------------------------------------------------------------------------------------


def test_a_tenth_of_the_mail_keeps_the_backup_warm_while_it_is_healthy(mended: World) -> None:
    count = 40
    with mended.active(example("keep-the-backup-warm")):
        assert all(mended.post_to("send-newsletter", MAIL).ok for _ in range(count))
        shares = delivered(mended)
        assert len(shares) == count
        assert 2 <= shares.count("sendgrid") <= 6
        mended.providers["sendgrid"].behave(Behaviour.REFUSE)
        until(lambda: mended.flag("marketing")["weights"] == {"postmark": 1.0}, "the weights")
        mended.post.clear()
        assert all(mended.post_to("send-newsletter", MAIL).ok for _ in range(12))
        assert set(delivered(mended)) == {"postmark"}


@contextmanager
def decided_by_n8n(world: World) -> Iterator[None]:
    """mailover judges postmark and leaves the decision to somebody else."""

    def use(document: Mapping[str, object], *, shadow: bool) -> None:
        world.agent.configure(document)
        world.agent.signal(signal.SIGHUP)
        until(lambda: world.call("GET", "/providers/postmark")["shadow"] is shadow, "the reload")

    usual = world.agent._document
    changed = json.loads(json.dumps(usual))
    changed["providers"]["postmark"]["shadow"] = True
    use(changed, shadow=True)
    try:
        yield
    finally:
        use(usual, shadow=False)


def test_a_scheduled_check_pins_the_backup_and_tells_slack_once(mended: World) -> None:
    every_three_seconds = example("scheduled-check")
    schedule = next(each for each in every_three_seconds["nodes"] if each["type"].endswith("scheduleTrigger"))
    schedule["parameters"]["rule"] = {"interval": [{"field": "seconds", "secondsInterval": 3}]}
    with decided_by_n8n(mended), mended.active(every_three_seconds) as workflow:
        assert output(mended, workflow, "Nothing to Do")["ok"] is True
        assert slack(mended) == []
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        mended.internet.wait_for("slack.com")
        pin = mended.call("GET", "/streams/transactional")["pin"]
        assert (pin["provider"], pin["by"]) == ("sendgrid", "n8n")
        assert pin["reason"].startswith("postmark failed two checks: ")
        assert slack(mended)[0].startswith(":rotating_light: postmark failed two checks in a row (connection).")
        checks = len(mended.n8n.executions(workflow))
        until(lambda: len(mended.n8n.executions(workflow)) > checks + 2, "more checks")
        assert len(slack(mended)) == 1


def test_a_failover_reaches_slack_and_the_ticket_system(mended: World) -> None:
    with mended.active(example("failover-to-slack-and-ticket")):
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        mended.internet.wait_for("slack.com")
        ticket = until(lambda: [each for each in mended.internet.to("example.atlassian.net") if each.method == "POST"])[
            0
        ]
        event = mended.call("GET", "/events?type=failover.happened&newest=true&stream=transactional")["items"][0]
        because = event["data"]["because"]
        assert slack(mended)[0] == f":warning: transactional mail went from postmark to sendgrid: {because}"
        assert ticket.path == "/rest/api/2/issue"
        assert ticket.body["fields"]["summary"] == "transactional mail left postmark for sendgrid"
        assert f"Event: {event['id']}" in ticket.body["fields"]["description"]


def test_a_campaign_is_postponed_while_transactional_mail_is_on_its_backup(mended: World) -> None:
    def asked() -> list[str]:
        return [each.path.rpartition("/")[2] for each in mended.internet.to("campaigns.example.com")]

    with mended.active(example("postpone-marketing-campaign")):
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        (call,) = mended.internet.wait_for("campaigns.example.com")
        assert (asked(), call.headers["x-api-key"]) == (["pause"], "campaign-key")
        mended.providers["postmark"].behave(Behaviour.HEALTHY)
        mended.internet.wait_for("campaigns.example.com", 2)
        assert asked() == ["pause", "resume"]


def test_a_job_waits_for_the_recovery_and_the_query_string_of_its_url_is_kept(mended: World) -> None:
    job = example("wait-for-recovery")
    ask = next(each for each in job["nodes"] if each["name"] == "Ask for a Call Back")
    ask["parameters"]["url"] = "={{ $execution.resumeUrl }}?signature=a%2Fb%3D&tag=1+2&empty="
    with mended.active(job) as workflow:
        broken(mended, "postmark")
        mended.post_to("job-that-can-wait", {"name": "invoices"})
        until(lambda: [each["status"] for each in mended.n8n.executions(workflow)] == ["waiting"], "the wait")
        (waiting,) = mended.subscriptions()
        assert (waiting["once"], waiting["events"]) == (True, ["failback.happened", "stream.recovered"])
        assert waiting["url"].endswith("?signature=a%2Fb%3D&tag=1+2&empty=")
        assert slack(mended) == []
        mended.providers["postmark"].behave(Behaviour.HEALTHY)
        mended.internet.wait_for("slack.com")
        assert slack(mended)[0].startswith("The job invoices goes on: postmark")
        called = output(mended, workflow, "Wait for the Call")
        assert called["query"] == {"signature": "a/b=", "tag": "1 2", "empty": ""}
        until(lambda: mended.subscriptions() == [], "the end of the callback")


def test_a_job_does_not_wait_when_all_is_well(mended: World) -> None:
    with mended.active(example("wait-for-recovery")):
        mended.post_to("job-that-can-wait", {"name": "invoices"})
        mended.internet.wait_for("slack.com")
        assert slack(mended) == ["The job invoices goes on: no wait was needed, or the wait was too long"]
        assert mended.subscriptions() == []


def test_the_fail_back_waits_for_somebodys_approval(mended: World) -> None:
    with mended.active(example("approve-fail-back")):
        broken(mended, "postmark")
        held = "failback_paused_until"
        until(lambda: mended.call("GET", "/streams/transactional")[held] is not None, "the hold")
        mended.providers["postmark"].behave(Behaviour.HEALTHY)
        (question,) = mended.internet.wait_for("slack.com")
        assert "postmark works again" in json.dumps(question.body)
        assert mended.flag()["provider"] == "sendgrid"
        links = re.findall(r'"url": "([^"]+)"', json.dumps(question.body))
        approve = next(each for each in links if "approved=true" in each)
        until(lambda: requests.get(approve, headers=BROWSER, timeout=30).ok, "n8n's being ready for the answer")
        mended.internet.wait_for("slack.com", 2)
        assert slack(mended)[-1] == "transactional mail is back on postmark."
        assert (mended.flag()["provider"], mended.call("GET", "/streams/transactional")[held]) == ("postmark", None)


def test_every_example_has_been_run_here(request: pytest.FixtureRequest) -> None:
    here = request.path.read_text(encoding="utf-8")
    assert [each.stem for each in EXAMPLES.glob("*.json") if f'example("{each.stem}")' not in here] == []
