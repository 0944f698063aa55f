"""The Python module with a real mailover: who takes the mail, and what the reports do."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mailover_client
import pytest
import requests
from client_house import Inbox, Running, accounts_at, letter
from mailover_client import HeldError, Mailover, NotSentError, Outcome
from running.agents import RunningAgent, until

from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider


@pytest.fixture
def mail(mailover: Running, providers: Mapping[str, Provider]) -> Iterator[Mailover]:
    with Mailover(mailover.url, accounts_at(providers), patience=3, first_wait=10) as mail:
        yield mail


def leading(mail: Mailover) -> str:
    assert mail.flag is not None
    return mail.flag.order[0]


def test_mail_goes_through_the_active_provider(mail: Mailover, inbox: Inbox) -> None:
    message = letter()
    message["Bcc"] = "archive@example.com"
    sent = mail.send_message(message)
    assert (sent.provider, sent.refused, sent.failed) == ("first", {}, ())
    (arrived,) = inbox.mail
    assert arrived.recipients == ("customer@example.com", "archive@example.com")
    assert b"\r\n.\r\nA dot" in arrived.content
    assert b"archive" not in arrived.content


@pytest.mark.parametrize(
    ("behaviour", "stage", "code"),
    [
        (Behaviour.REFUSE, "connect", None),
        (Behaviour.SILENT, "banner", None),
        (Behaviour.BUSY, "banner", 421),
        (Behaviour.AUTH, "auth", 535),
        (Behaviour.SUSPENDED, "mail", 554),
    ],
)
def test_the_next_mail_takes_a_fallback_and_the_report_moves_the_flag(
    mail: Mailover,
    mailover: Running,
    providers: Mapping[str, Provider],
    inbox: Inbox,
    *,
    behaviour: Behaviour,
    stage: str,
    code: int | None,
) -> None:
    mail.send_message(letter())
    providers["first"].behave(behaviour)
    sent = mail.send_message(letter())
    (failed,) = sent.failed
    assert (failed.provider, failed.stage, failed.code) == ("first", stage, code)
    assert inbox.ways == ["first", "second"]
    until(lambda: leading(mail) == "second", "the new flag")
    assert mailover.flag.provider == "second"
    assert mail.send_message(letter()).failed == ()


def test_a_refusal_after_the_final_dot_is_no_silence_and_moves_on(
    mail: Mailover, providers: Mapping[str, Provider]
) -> None:
    providers["first"].behave(Behaviour.THROTTLE)
    sent = mail.send_message(letter())
    (failed,) = sent.failed
    assert (sent.provider, failed.stage, failed.code, failed.enhanced) == ("second", "end_data", 454, "4.7.0")


def test_a_bad_address_is_tried_nowhere_else_and_blames_nobody(
    mail: Mailover, mailover: Running, providers: Mapping[str, Provider]
) -> None:
    providers["first"].behave(Behaviour.RECIPIENT, share=1)
    with pytest.raises(NotSentError, match=r"nobody has such an address; first: 550 5\.1\.1") as met:
        mail.send_message(letter())
    assert [each.recipient_domain for each in met.value.failed] == ["example.com"]
    mail.close()
    assert mailover.reports()
    assert mailover.flag.provider == "first"


def test_recipients_that_are_refused_among_others_are_told(mail: Mailover, providers: Mapping[str, Provider]) -> None:
    providers["first"].behave(Behaviour.RECIPIENT, share=0.5)
    sent = mail.send_message(letter(), to_addrs=["good@example.com", "bad@example.com"])
    assert (sent.provider, list(sent.refused)) == ("first", ["bad@example.com"])


def test_a_hold_is_obeyed_until_it_ends(housing: Callable[..., Running], providers: Mapping[str, Provider]) -> None:
    holding = {"transactional": {"providers": list(providers), "when_exhausted": "hold"}}
    running = housing(streams=holding)
    with Mailover(running.url, accounts_at(providers), stream="transactional", patience=3, first_wait=10) as mail:
        for each in providers.values():
            each.behave(Behaviour.AUTH)
        with pytest.raises(NotSentError, match=r"no provider took it; first: 535.*; second: 535.*; third: 535"):
            mail.send_message(letter())
        until(lambda: mail.flag is not None and not mail.flag.sending, "the hold")
        with pytest.raises(HeldError) as held:
            mail.send_message(letter())
        assert held.value.failed == ()
        for each in providers.values():
            each.behave(Behaviour.HEALTHY)
        until(lambda: mail.flag is not None and mail.flag.sending, "the end of the hold")
        mail.send_message(letter())


def test_weights_share_the_mail_out(
    housing: Callable[..., Running], providers: Mapping[str, Provider], inbox: Inbox
) -> None:
    balance = {"mode": "balance", "weights": {"first": 0.5, "third": 0.5}, "providers": ["first", "third"]}
    running = housing(streams={"transactional": balance})
    with Mailover(running.url, accounts_at(providers), first_wait=10) as mail:
        while set(inbox.ways) != {"first", "third"}:
            mail.send_message(letter())
            assert len(inbox.mail) < 60


def test_an_account_that_mailover_does_not_know_spoils_no_other_report(mail: Mailover, mailover: Running) -> None:
    mail.report(Outcome(provider="stranger", ok=False, stage="connect"))
    mail.report(Outcome(provider="third", ok=True))
    mail.close()
    assert [each["provider"] for each in mailover.reports()] == ["third"]


def test_a_token_opens_what_is_closed_without(
    housing: Callable[..., Running], providers: Mapping[str, Provider]
) -> None:
    token = "mlo_" + "x" * 40
    running = housing(tokens={"shop": {"scopes": ["read", "report"], "token": token}})
    with Mailover(running.url, accounts_at(providers), token=token, first_wait=10) as mail:
        assert mail.flag is not None
    with Mailover(running.url, accounts_at(providers), token="wrong", first_wait=10) as stranger:
        assert stranger.flag is None
        assert stranger.send_message(letter()).provider == "first"


def test_a_killed_mailover_is_missed_by_nobody_and_its_successor_is_followed(
    tmp_path: Path, document: dict[str, Any], providers: Mapping[str, Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailover_client, "LONGEST_PAUSE", 0.5)
    with (
        RunningAgent(tmp_path, document) as agent,
        Mailover(f"http://127.0.0.1:{agent.port}", accounts_at(providers), first_wait=20) as mail,
    ):
        pin(agent, "second")
        pin(agent, "third")
        until(lambda: leading(mail) == "third", "the pin")
        agent.signal(signal.SIGKILL)
        agent.wait()
        assert mail.send_message(letter()).provider == "third"
        for each in tmp_path.glob("mailover.db*"):
            each.unlink()
        agent.start()
        until(lambda: leading(mail) == "first", "the flag of another one", patience=60)
        assert mail.flag is not None
        assert mail.flag.epoch < 3


def pin(agent: RunningAgent, provider: str) -> None:
    url = f"http://127.0.0.1:{agent.port}/v1/streams/transactional/pin"
    requests.put(url, json={"provider": provider, "minutes": 60, "reason": "a test"}, timeout=5).raise_for_status()


def test_many_threads_share_one(mail: Mailover, inbox: Inbox) -> None:
    threads = [threading.Thread(target=mail.send_message, args=(letter(str(n)),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(inbox.mail) == 8
