"""The Python module and providers that fail in every stage: what goes elsewhere, and what must not."""

import time

import pytest
from client_house import letter
from hostile.servers import HostileServer, Peer, Twist, say, smtp, then_close
from mailover_client import Account, AmbiguousError, Mailover, NotSentError
from running.agents import free_port

OFFERS = ("AUTH PLAIN LOGIN", "8BITMIME", "SIZE 100000000")
NOBODY = "http://127.0.0.1:1"
"""An address at which no mailover is."""


def at(port: int, password: str = "s3cret") -> Account:
    return Account(host="127.0.0.1", port=port, tls="none", username="app", password=password)


def sending(first: Account, second: Account, answer_patience: float = 0.5) -> Mailover:
    return Mailover(
        NOBODY, {"first": first, "second": second}, patience=1, answer_patience=answer_patience, first_wait=0.1
    )


def lines_of(server: HostileServer) -> list[str]:
    return [line for peer in server.peers for line in peer.lines]


BEFORE_THE_DOT: dict[str, tuple[dict[str, Twist], str, int | None]] = {
    "silent": ({"banner": Peer.mute}, "banner", None),
    "drips": ({"banner": lambda peer: peer.drip(b"2")}, "banner", None),
    "floods": ({"banner": lambda peer: peer.flood(b"220-hello\r\n" * 100)}, "banner", None),
    "busy": ({"banner": then_close("421 4.3.2 too busy")}, "banner", 421),
    "not SMTP": ({"banner": then_close("HTTP/1.1 400 Bad Request")}, "banner", None),
    "closes at EHLO": ({"ehlo": Peer.reset}, "ehlo", None),
    "drips in EHLO": ({"ehlo": lambda peer: peer.drip(b"250-x\r\n")}, "ehlo", None),
    "535": ({"auth": say("535 5.7.8 wrong")}, "auth", 535),
    "knows no AUTH": ({"auth": say("503 5.5.1 AUTH command not advertised")}, "auth", 503),
    "refuses MAIL": ({"mail": say("554 5.7.1 paused")}, "mail", 554),
    "refuses RCPT": ({"rcpt": say("452 4.2.2 over quota")}, "rcpt", 452),
    "refuses DATA": ({"data": then_close("451 4.3.0 not now")}, "data", 451),
    "closes at DATA": ({"data": Peer.reset}, "data", None),
    "refuses the message": ({"dot": say("554 5.7.1 blocked")}, "end_data", 554),
}


@pytest.mark.parametrize(("twists", "stage", "code"), BEFORE_THE_DOT.values(), ids=BEFORE_THE_DOT)
def test_a_failure_or_a_refusal_moves_on(twists: dict[str, Twist], stage: str, code: int | None) -> None:
    began = time.monotonic()
    with (
        HostileServer(smtp(twists)) as bad,
        HostileServer(smtp()) as good,
        sending(at(bad.port), at(good.port)) as mail,
    ):
        sent = mail.send_message(letter())
    (failed,) = sent.failed
    assert (sent.provider, failed.provider, failed.stage, failed.code) == ("second", "first", stage, code)
    assert time.monotonic() - began < 10


def test_a_certificate_of_somebody_else_moves_on() -> None:
    with HostileServer(lambda peer: peer.mute()) as bad, HostileServer(smtp()) as good:
        tls = Account(host="127.0.0.1", port=bad.port, tls="implicit", username="app", password="x")
        with sending(tls, at(good.port)) as mail:
            (failed,) = mail.send_message(letter()).failed
    assert failed.stage == "starttls"


def test_a_name_that_nobody_knows_moves_on() -> None:
    with HostileServer(smtp()) as good, sending(Account(host="nowhere.invalid"), at(good.port)) as mail:
        (failed,) = mail.send_message(letter()).failed
    assert failed.stage == "resolve"


def test_a_password_never_goes_without_the_promised_encryption() -> None:
    with HostileServer(smtp(offers=("AUTH PLAIN",))) as bad, HostileServer(smtp()) as good:
        starttls = Account(host="127.0.0.1", port=bad.port, username="app", password="x")
        with sending(starttls, at(good.port)) as mail:
            mail.send_message(letter())
        assert not [line for line in lines_of(bad) if line.startswith(("AUTH", "MAIL"))]


def garbled(peer: Peer) -> object:
    peer.say("what?")
    return peer.mute()


@pytest.mark.parametrize(
    "twist",
    [Peer.mute, Peer.reset, lambda peer: peer.drip(b"250-\r\n"), garbled, then_close("354 go on")],
    ids=["silent", "closes", "drips", "garbled", "nonsense"],
)
def test_silence_after_the_final_dot_is_ambiguous_and_sent_nowhere_else(twist: Twist) -> None:
    with HostileServer(smtp({"dot": twist})) as bad, HostileServer(smtp()) as good:
        with sending(at(bad.port), at(good.port)) as mail, pytest.raises(AmbiguousError) as met:
            mail.send_message(letter())
        assert not isinstance(met.value, NotSentError)
        assert met.value.failed[-1].stage == "end_data"
        assert good.peers == []


def test_a_slow_yes_after_the_final_dot_has_more_time() -> None:
    def slow(peer: Peer) -> object:
        time.sleep(0.6)
        return peer.say("250 2.0.0 taken")

    with HostileServer(smtp({"dot": slow})) as server, sending(at(server.port), at(server.port), 20) as mail:
        assert mail.send_message(letter()).provider == "first"


def test_a_goodbye_that_goes_wrong_is_no_failure() -> None:
    with HostileServer(smtp({"quit": Peer.reset})) as server, sending(at(server.port), at(server.port)) as mail:
        assert mail.send_message(letter()).failed == ()


def test_a_password_is_tried_once() -> None:
    with HostileServer(smtp({"auth": say("535 5.7.8 wrong")})) as bad, HostileServer(smtp()) as good:
        with sending(at(bad.port), at(good.port)) as mail:
            mail.send_message(letter())
        assert [line.split()[:2] for line in lines_of(bad) if line.startswith("AUTH")] == [["AUTH", "PLAIN"]]


def test_while_mailover_is_away_a_provider_that_failed_is_tried_last() -> None:
    with HostileServer(smtp({"banner": then_close("421 no")})) as bad, HostileServer(smtp()) as good:
        with sending(at(bad.port), at(good.port)) as mail:
            assert len(mail.send_message(letter()).failed) == 1
            assert len(mail.send_message(letter()).failed) == 0
        assert len(bad.peers) == 1


def test_an_error_tells_each_provider_s_story_and_no_password() -> None:
    gone = at(free_port(), "hunter2-secret")
    with sending(gone, gone) as mail, pytest.raises(NotSentError) as met:
        mail.send_message(letter())
    assert str(met.value).count("refused (connect)") == 2
    assert "hunter2" not in repr(met.value) + repr(gone) + str(met.value)


def test_a_message_that_cannot_be_sent_by_anybody_is_the_caller_s_mistake() -> None:
    message = letter()
    message["Resent-Date"], message["Resent-Date"] = "today", "tomorrow"
    with (
        HostileServer(smtp()) as server,
        sending(at(server.port), at(server.port)) as mail,
        pytest.raises(ValueError, match="Resent-"),
    ):
        mail.send_message(message)


def test_a_message_for_nobody_is_the_caller_s_mistake() -> None:
    with (
        HostileServer(smtp()) as server,
        sending(at(server.port), at(server.port)) as mail,
        pytest.raises(ValueError, match="no recipients"),
    ):
        mail.send_message(letter(), to_addrs=[])


def test_an_address_that_only_some_servers_can_carry_finds_one() -> None:
    message = letter()
    del message["To"]
    message["To"] = "jürgen@example.com"
    with (
        HostileServer(smtp()) as plain,
        HostileServer(smtp(offers=(*OFFERS, "SMTPUTF8"))) as modern,
        sending(at(plain.port), at(modern.port)) as mail,
    ):
        sent = mail.send_message(message)
    assert (sent.provider, sent.failed[0].stage) == ("second", None)
