"""The Python module and a mailover that is away, slow, wrong or another one: mail goes on, and nothing is raised."""

import json
import os
import time
from typing import Any

import mailover_client
import pytest
from client_house import letter
from hostile.servers import HostileServer, Peer, Script, smtp
from mailover_client import Account, HeldError, Mailover, Outcome
from running.agents import free_port, until
from wrong_mailovers import FLAG, WRONG, answering, http, request


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience for a mailover that fails again and again."""
    monkeypatch.setattr(mailover_client, "LONGEST_PAUSE", 0.2)


def bare(port: int) -> Account:
    return Account(host="127.0.0.1", port=port, tls="none")


def following(url: str, port: int, **options: Any) -> Mailover:
    accounts = {"first": bare(port), "second": bare(port)}
    return Mailover(url, accounts, **{"patience": 1.5, "first_wait": 0.2, **options})


@pytest.mark.parametrize("script", WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("quick")
def test_a_wrong_answer_is_none_and_mail_goes_on(script: Script) -> None:
    with (
        HostileServer(script) as wrong,
        HostileServer(smtp()) as provider,
        following(f"http://127.0.0.1:{wrong.port}", provider.port) as mail,
    ):
        began = time.monotonic()
        assert mail.send_message(letter()).provider == "first"
        assert time.monotonic() - began < 5
        assert mail._flag is None


@pytest.mark.parametrize("script", WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("quick")
def test_the_last_good_answer_outlives_wrong_ones(script: Script) -> None:
    asked: list[str] = []

    def turning(peer: Peer) -> object:
        asked.append("")
        return answering(http(FLAG))(peer) if len(asked) == 1 else script(peer)

    with (
        HostileServer(turning) as mailover,
        HostileServer(smtp()) as provider,
        following(f"http://127.0.0.1:{mailover.port}", provider.port) as mail,
    ):
        mail.flag  # noqa: B018 - it is asked for
        until(lambda: len(asked) > 1, "a wrong answer")
        sent = mail.send_message(letter())
    assert sent.provider == "second"


def test_away_means_one_wait_for_the_first_answer_and_none_after_that() -> None:
    with (
        HostileServer(Peer.mute) as mute,
        HostileServer(smtp()) as provider,
        following(f"http://127.0.0.1:{mute.port}", provider.port, patience=0.4, first_wait=30) as mail,
    ):
        mail.send_message(letter())
        began = time.monotonic()
        for _ in range(20):
            mail.send_message(letter())
        assert time.monotonic() - began < 10


def test_a_restarted_mailover_with_a_lower_epoch_is_believed() -> None:
    told = [FLAG, {**FLAG, "epoch": 2, "provider": "first", "fallbacks": [], "weights": {"first": 1}}]

    def script(peer: Peer) -> object:
        request(peer)
        peer.say(http(told.pop(0))) if told else peer.mute()
        return None

    with HostileServer(script) as mailover, following(f"http://127.0.0.1:{mailover.port}", 1) as mail:
        until(lambda: mail.flag is not None and mail.flag.epoch == 2, "the flag of the new one")
        assert mail.flag is not None
        assert mail.flag.order == ("first",)


def test_it_waits_by_epoch_and_stream_and_shows_its_token() -> None:
    lines: list[list[str]] = []

    def script(peer: Peer) -> object:
        request(peer)
        lines.append(peer.lines)
        return peer.say(http(FLAG)) if len(lines) == 1 else peer.mute()

    with (
        HostileServer(script) as mailover,
        following(f"http://127.0.0.1:{mailover.port}/behind/", 1, stream="my mail", token="mlo_x") as mail,
    ):
        mail.flag  # noqa: B018 - it is asked for
        until(lambda: len(lines) > 1, "the second question")
    assert [each[0] for each in lines] == [
        "GET /behind/v1/active-provider/my%20mail HTTP/1.1",
        "GET /behind/v1/active-provider/my%20mail?epoch=7&wait=30s HTTP/1.1",
    ]
    assert "Authorization: Bearer mlo_x" in lines[0]


def test_a_mailover_that_answers_at_once_though_nothing_changed_is_not_asked_in_a_hot_loop() -> None:
    with HostileServer(answering(http(FLAG))) as mailover:
        with following(f"http://127.0.0.1:{mailover.port}", 1) as mail:
            mail.flag  # noqa: B018 - it is asked for
            time.sleep(0.5)
        assert len(mailover.peers) < 6


@pytest.mark.parametrize(("headers", "valid"), [("", 60), ("Mailover-Stale: 90\r\n", 60), ("", 0)])
def test_a_hold_binds_only_while_mailover_stands_by_it(headers: str, valid: int) -> None:
    held = {**FLAG, "provider": None, "fallbacks": [], "weights": {}, "sending": False, "valid_for_seconds": valid}
    with (
        HostileServer(answering(http(held, headers=headers))) as mailover,
        HostileServer(smtp()) as provider,
        following(f"http://127.0.0.1:{mailover.port}", provider.port, first_wait=20) as mail,
    ):
        if valid and not headers:
            with pytest.raises(HeldError, match="first is out"):
                mail.send_message(letter())
        else:
            assert mail.send_message(letter()).provider == "first"


def test_what_waits_to_be_reported_is_bounded() -> None:
    with following(f"http://127.0.0.1:{free_port()}", 1) as mail:
        for n in range(3000):
            mail.report(Outcome(provider="first", ok=False, stage="connect", text=str(n)))
        assert len(mail._outcomes) <= mailover_client.REPORTS_KEPT


@pytest.mark.usefixtures("quick")
def test_a_report_is_repeated_until_it_is_taken_under_one_key_and_equal_ones_are_counted() -> None:
    told: list[list[str]] = []
    bodies: list[bytes] = []

    def script(peer: Peer) -> None:
        if "POST" not in request(peer):
            peer.mute()
            return
        told.append(peer.lines)
        length = next(int(line.split()[1]) for line in peer.lines if line.lower().startswith("content-length"))
        while len(peer._rest) < length:
            peer._rest += peer._receive()
        bodies.append(peer._rest)
        if len(told) == 1:
            peer.reset()
        elif len(told) == 2:
            peer.say(http(b"{}", "429 Too Many Requests", "Retry-After: 1\r\n"))
        else:
            peer.say(http(b"{}"))

    with HostileServer(script) as mailover, following(f"http://127.0.0.1:{mailover.port}", 1, first_wait=0) as mail:
        with mail._lock:
            mail._outcomes[Outcome(provider="first", stage="auth", code=535)] = (2, time.monotonic())
        mail.report(Outcome(provider="first", stage="auth", code=535))
        until(lambda: len(told) == 3, "the third attempt")
    keys = {line for lines in told for line in lines if line.startswith("Idempotency-Key")}
    assert (len(keys), len(set(bodies))) == (1, 1)
    report = {"provider": "first", "ok": False, "stage": "auth", "code": 535, "text": "", "count": 3}
    assert json.loads(bodies[0]) == {"reports": [report]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_child_follows_and_reports_by_itself() -> None:
    asked: list[str] = []

    def script(peer: Peer) -> object:
        asked.append(request(peer))
        return peer.say(http({**FLAG, "epoch": len(asked)})) if len(asked) < 3 else peer.mute()

    with HostileServer(script) as mailover, following(f"http://127.0.0.1:{mailover.port}", 1, first_wait=20) as mail:
        assert mail.flag is not None
        until(lambda: len(asked) == 3, "a parked parent")
        with mail._lock:  # as if another thread were at work in the moment of the fork
            child = os.fork()
            if child == 0:
                mail.report(Outcome(provider="first", stage="connect"))
                until(lambda: not mail._outcomes, "the child's report")
                os._exit(0 if mail.flag is not None else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert len([each for each in asked[3:] if each.startswith("GET")]) == 1
        assert len([each for each in asked[3:] if each.startswith("POST")]) == 1


def test_close_ends_its_threads_in_time_and_mail_can_still_be_sent() -> None:
    with HostileServer(Peer.mute) as mute, HostileServer(smtp()) as provider:
        mail = following(f"http://127.0.0.1:{mute.port}", provider.port, patience=60)
        mail.send_message(letter())
        began = time.monotonic()
        mail.close(1)
        assert time.monotonic() - began < 20
        assert not [thread for thread in mail._threads if thread.is_alive()]
        assert mail.send_message(letter()).provider == "first"


@pytest.mark.parametrize(
    ("url", "token"), [("localhost:8587", None), ("ftp://x", None), ("http://x", "a\r\nb"), ("http://x", "ä")]
)
def test_a_mistake_in_the_setup_is_told_at_once_and_without_the_token(url: str, token: str | None) -> None:
    with pytest.raises(ValueError, match=r"mailover's address|the token") as met:
        Mailover(url, {"first": bare(1)}, token=token)
    assert token is None or token not in str(met.value)
