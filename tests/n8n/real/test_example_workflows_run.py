"""Every example workflow, imported as it is shipped, activated, and run in real n8n against a real mailover."""

import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from fake_internet import Call
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
        assert (told.status_code, told.json()) == (503, {"sent": False, "because": "no provider took it"})
        until(lambda: mended.flag()["sending"] is False, "the hold")
        told = mended.post_to("send-mail", MAIL)
        assert (told.status_code, told.json()) == (503, {"sent": False, "because": mended.flag()["because"]})


def test_a_bad_address_is_tried_by_nobody_else_and_blames_nobody(mended: World) -> None:
    with mended.active(example("send-mail-with-failover")):
        mended.providers["postmark"].behave(Behaviour.RECIPIENT, share=1.0)
        told = mended.post_to("send-mail", MAIL)
        assert (told.status_code, told.json()["sent"]) == (422, False)
        assert "the address is bad" in told.json()["because"]
        assert delivered(mended) == []
        assert mended.flag()["provider"] == "postmark"


def test_mail_goes_on_while_mailover_is_away(mended: World) -> None:
    with mended.active(example("send-mail-with-failover")):
        mended.post_to("send-mail", MAIL)
        with mended.without_mailover():
            first = mended.post_to("send-mail", MAIL).json()
            mended.providers["postmark"].behave(Behaviour.REFUSE)
            second = mended.post_to("send-mail", MAIL).json()
        assert [first, second] == [{"sent": True, "provider": each} for each in ("postmark", "sendgrid")]
        assert delivered(mended) == ["postmark", "postmark", "sendgrid"]


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


def test_a_scheduled_check_pins_the_backup_tells_slack_once_and_renews_the_pin_before_it_ends(mended: World) -> None:
    every_six_seconds = example("scheduled-check")
    schedule = next(each for each in every_six_seconds["nodes"] if each["type"].endswith("scheduleTrigger"))
    schedule["parameters"]["rule"] = {"interval": [{"field": "seconds", "secondsInterval": 6}]}
    with decided_by_n8n(mended), mended.active(every_six_seconds) as workflow:
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
        mended.call("PUT", "/streams/transactional/pin", {"provider": "sendgrid", "minutes": 5})
        mended.internet.wait_for("slack.com", 2)
        renewed = mended.call("GET", "/streams/transactional")["pin"]
        assert (renewed["provider"], renewed["reason"]) == ("sendgrid", pin["reason"])
        assert renewed["until"] > pin["until"]


def tickets(world: World, stream: str) -> list[Call]:
    """What was opened about a stream; others may have failed over beside it."""
    opened = [each for each in world.internet.to("example.atlassian.net") if each.method == "POST"]
    return [each for each in opened if each.body["fields"]["summary"].startswith(stream)]


def test_a_failover_reaches_slack_and_the_ticket_system(mended: World) -> None:
    with mended.active(example("failover-to-slack-and-ticket")):
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        mended.internet.wait_for("slack.com")
        (ticket,) = until(lambda: tickets(mended, "transactional"), "the ticket")
        event = mended.call("GET", "/events?type=failover.happened&newest=true&stream=transactional")["items"][0]
        because = event["data"]["because"]
        until(lambda: f":warning: transactional mail went from postmark to sendgrid: {because}" in slack(mended))
        assert ticket.path == "/rest/api/2/issue"
        assert ticket.body["fields"]["summary"] == "transactional mail left postmark for sendgrid"
        assert f"Event: {event['id']}" in ticket.body["fields"]["description"]


def test_that_slack_is_out_does_not_keep_the_ticket_from_being_opened(mended: World) -> None:
    with mended.active(example("failover-to-slack-and-ticket")), mended.internet.out_of_order("slack.com"):
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        until(lambda: tickets(mended, "transactional"), "the ticket")


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
        mended.call("PUT", "/streams/transactional/pin", {"provider": "sendgrid", "minutes": 5})
        mended.internet.wait_for("campaigns.example.com", 3)
        mended.call("DELETE", "/streams/transactional/pin")
        until(lambda: asked()[2:4] == ["pause", "resume"], "what a pin does")


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


HELD = "failback_paused_until"


def asked_whether_to_fail_back(world: World) -> str:
    """After a failover and a recovery; the link that says yes."""
    broken(world, "postmark")
    until(lambda: world.call("GET", "/streams/transactional")[HELD] is not None, "the hold")
    world.providers["postmark"].behave(Behaviour.HEALTHY)
    question = json.dumps(world.internet.wait_for("slack.com")[0].body)
    assert "postmark works again" in question
    assert world.flag()["provider"] == "sendgrid"
    return next(each for each in re.findall(r'"url": "([^"]+)"', question) if "approved=true" in each)


def press(link: str) -> None:
    """As soon as n8n is ready for it."""
    until(lambda: requests.get(link, headers=BROWSER, timeout=30).ok, "n8n's being ready for the answer")


def test_the_fail_back_waits_for_somebodys_approval(mended: World) -> None:
    with mended.active(example("approve-fail-back")):
        press(asked_whether_to_fail_back(mended))
        mended.internet.wait_for("slack.com", 2)
        assert slack(mended)[-1] == "transactional mail is back on postmark."
        assert (mended.flag()["provider"], mended.call("GET", "/streams/transactional")[HELD]) == ("postmark", None)


def test_an_approval_that_comes_too_late_is_told_so(mended: World) -> None:
    with mended.active(example("approve-fail-back")):
        approve = asked_whether_to_fail_back(mended)
        mended.providers["postmark"].behave(Behaviour.REFUSE)
        until(lambda: mended.call("GET", "/providers/postmark")["health"] == "down", "the second fault")
        press(approve)
        mended.internet.wait_for("slack.com", 2)
        assert slack(mended)[-1] == "transactional mail stays where it is: nothing better than sendgrid is healthy"
        assert mended.flag()["provider"] == "sendgrid"


def test_every_example_has_been_run_here(request: pytest.FixtureRequest) -> None:
    here = request.path.read_text(encoding="utf-8")
    assert [each.stem for each in EXAMPLES.glob("*.json") if f'example("{each.stem}")' not in here] == []
