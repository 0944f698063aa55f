"""Every server that smtplib or aiosmtplib hung on, grew on, or believed: a verdict, in time, within a megabyte."""

import asyncio
import ssl
import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from hostile.servers import HostileServer, Peer, Script, say, smtp, then_close
from hostile.talking import CREDENTIALS, talk

from mailover.core.observations import FailureKind, Stage
from mailover.core.providers import Tls

DEADLINE = 0.4
SLACK = 0.5
K = FailureKind
CODES = (
    b"2_2 hi",
    b"+25 hi",
    b" 25 hi",
    b"2500 hi",
    b"250ok",
    b"999 hi",
    b"22O hi",
    "\uff12\uff12\uff10 hi".encode(),
    b"120 hi",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    script: Script
    kind: FailureKind | None
    """None: it goes well in spite of it all."""
    stage: Stage | None = None
    until: Stage = Stage.EHLO
    code: int | None = None


def endless(line: bytes) -> Script:
    return lambda peer: peer.flood(line * 100)


def drip(data: bytes) -> Script:
    return lambda peer: peer.drip(data)


def presend(peer: Peer) -> None:
    peer.say("220 hi\r\n250 hi\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye")
    peer.mute()


def slow_refusals(peer: Peer) -> object:
    peer.say("550 5.1.1 no such user")
    peer.line()
    return peer.mute()


def reset_at(peer: Peer) -> None:
    peer.stopped.wait(0.05)
    peer.reset()


def presend_dot(peer: Peer) -> None:
    peer.say("354 go on\r\n250 2.0.0 queued")
    peer.mute()


def challenges(peer: Peer) -> object:
    for _ in range(100):
        peer.say("334 ")
        peer.line()
    return None


SEND = {"until": Stage.END_DATA}
LOGIN = {"until": Stage.AUTH}

CASES = [
    Case(name="never_greets", script=Peer.mute, kind=K.TIMEOUT, stage=Stage.BANNER),
    Case(name="drips_without_newline", script=drip(b"220-x"), kind=K.TIMEOUT, stage=Stage.BANNER),
    Case(name="endless_fast_greeting", script=endless(b"220-more\r\n"), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="endless_slow_greeting", script=drip(b"220-more\r\n"), kind=K.TIMEOUT, stage=Stage.BANNER),
    Case(
        name="huge_line", script=lambda p: (p.say(b"220 "), p.flood(b"x" * 10_000)), kind=K.PROTOCOL, stage=Stage.BANNER
    ),
    Case(name="http", script=say("HTTP/1.1 400 Bad Request"), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="ssh", script=say("SSH-2.0-OpenSSH_9.2"), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="imap", script=say("* OK IMAP4rev1"), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="nuls", script=lambda p: (p.say(b"\0" * 64), p.mute()), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="tls_alert", script=lambda p: p.say(b"\x15\x03\x01\0\2\2\x46"), kind=K.PROTOCOL, stage=Stage.BANNER),
    *(
        Case(name=f"code_{line[:4]!r}", script=then_close(line + b"\r\n"), kind=K.PROTOCOL, stage=Stage.BANNER)
        for line in CODES
    ),
    Case(name="two_codes", script=smtp({"ehlo": then_close("250-a\r\n550 b")}), kind=K.PROTOCOL, stage=Stage.EHLO),
    Case(name="presend_all", script=presend, kind=K.PROTOCOL, stage=Stage.EHLO, **SEND),
    Case(name="presend_dot", script=smtp({"data": presend_dot}), kind=K.PROTOCOL, stage=Stage.DATA, **SEND),
    Case(name="greet_554", script=say("554 no service"), kind=K.CONNECTION, stage=Stage.BANNER, code=554),
    Case(name="greet_421", script=say("421 busy"), kind=K.TRANSIENT, stage=Stage.BANNER, code=421),
    Case(name="greet_250", script=say("250 hi"), kind=K.PROTOCOL, stage=Stage.BANNER),
    Case(name="hangs_up", script=lambda _: None, kind=K.CONNECTION, stage=Stage.BANNER),
    Case(name="resets", script=reset_at, kind=K.CONNECTION, stage=Stage.BANNER),
    Case(name="half_a_reply", script=then_close(b"220-hi\r\n"), kind=K.CONNECTION, stage=Stage.BANNER),
    Case(name="plain_greeting", script=smtp({"banner": say("220 hi")}), kind=None),
    Case(name="bare_lf", script=smtp({"banner": say(b"220-hi\n220 there\n")}), kind=None),
    Case(name="only_helo", script=smtp({"ehlo": say("502 5.5.1 what?")}), kind=None),
    Case(name="ehlo_421", script=smtp({"ehlo": then_close("421 bye")}), kind=K.TRANSIENT, stage=Stage.EHLO, code=421),
    Case(
        name="goodbye_unasked", script=say("220 hi\r\n421 4.3.2 closing"), kind=K.TRANSIENT, stage=Stage.EHLO, code=421
    ),
    Case(
        name="ehlo_550_and_gone",
        script=smtp({"ehlo": then_close("550 5.7.1 blocked, see our policy")}),
        kind=K.REPUTATION,
        stage=Stage.EHLO,
        code=550,
    ),
    Case(name="ehlo_mute", script=smtp({"ehlo": Peer.mute}), kind=K.TIMEOUT, stage=Stage.EHLO),
    Case(name="ehlo_drip", script=smtp({"ehlo": drip(b"250-x\r\n")}), kind=K.TIMEOUT, stage=Stage.EHLO),
    Case(name="ehlo_flood", script=smtp({"ehlo": endless(b"250-x\r\n")}), kind=K.PROTOCOL, stage=Stage.EHLO),
    Case(
        name="auth_503",
        script=smtp({"auth": say("503 5.5.1 authentication not enabled")}),
        kind=K.AUTH,
        stage=Stage.AUTH,
        code=503,
        **LOGIN,
    ),
    Case(
        name="auth_421",
        script=smtp({"auth": then_close("421 later")}),
        kind=K.TRANSIENT,
        stage=Stage.AUTH,
        code=421,
        **LOGIN,
    ),
    Case(
        name="auth_454",
        script=smtp({"auth": say("454 4.7.0 temporary authentication failure")}),
        kind=K.TRANSIENT,
        stage=Stage.AUTH,
        code=454,
        **LOGIN,
    ),
    Case(
        name="auth_535",
        script=smtp({"auth": say("535 5.7.8 bad credentials")}),
        kind=K.AUTH,
        stage=Stage.AUTH,
        code=535,
        **LOGIN,
    ),
    Case(name="auth_250", script=smtp({"auth": say("250 sure")}), kind=K.PROTOCOL, stage=Stage.AUTH, **LOGIN),
    Case(name="auth_challenges", script=smtp({"auth": challenges}), kind=K.PROTOCOL, stage=Stage.AUTH, **LOGIN),
    Case(name="auth_mute", script=smtp({"auth": Peer.mute}), kind=K.TIMEOUT, stage=Stage.AUTH, **LOGIN),
    Case(name="no_auth_offered", script=smtp(offers=["SIZE"]), kind=K.AUTH, stage=Stage.AUTH, **LOGIN),
    Case(name="only_cram_md5", script=smtp(offers=["AUTH CRAM-MD5"]), kind=K.AUTH, stage=Stage.AUTH, **LOGIN),
    Case(
        name="mail_421",
        script=smtp({"mail": then_close("421 bye")}),
        kind=K.TRANSIENT,
        stage=Stage.MAIL,
        code=421,
        **SEND,
    ),
    Case(
        name="rcpt_421",
        script=smtp({"rcpt": then_close("421 bye")}),
        kind=K.TRANSIENT,
        stage=Stage.RCPT,
        code=421,
        **SEND,
    ),
    Case(
        name="rcpt_550",
        script=smtp({"rcpt": say("550 5.1.1 no such user")}),
        kind=K.RECIPIENT,
        stage=Stage.RCPT,
        code=550,
        **SEND,
    ),
    Case(
        name="rcpt_slow_rset",
        script=smtp({"rcpt": slow_refusals}),
        kind=K.RECIPIENT,
        stage=Stage.RCPT,
        code=550,
        until=Stage.RCPT,
    ),
    Case(
        name="greylisting",
        script=smtp({"rcpt": say("451 4.7.1 Greylisted, try again")}),
        kind=K.GREYLIST,
        stage=Stage.RCPT,
        code=451,
        until=Stage.RCPT,
    ),
    Case(name="rset_mute", script=smtp({"rset": Peer.mute}), kind=None, until=Stage.RCPT),
    Case(
        name="data_421",
        script=smtp({"data": then_close("421 bye")}),
        kind=K.TRANSIENT,
        stage=Stage.DATA,
        code=421,
        **SEND,
    ),
    Case(name="data_250", script=smtp({"data": say("250 ok")}), kind=K.PROTOCOL, stage=Stage.DATA, **SEND),
    Case(
        name="dot_421",
        script=smtp({"dot": then_close("421 bye")}),
        kind=K.TRANSIENT,
        stage=Stage.END_DATA,
        code=421,
        **SEND,
    ),
    Case(name="dot_close", script=smtp({"dot": lambda _: None}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="dot_reset", script=smtp({"dot": reset_at}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="dot_silent", script=smtp({"dot": Peer.mute}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="dot_drip", script=smtp({"dot": drip(b"250-x\r\n")}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="dot_flood", script=smtp({"dot": endless(b"250-x\r\n")}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="dot_garbage", script=smtp({"dot": say("thanks!")}), kind=K.AMBIGUOUS, stage=Stage.END_DATA, **SEND),
    Case(name="quit_silent", script=smtp({"quit": Peer.mute}), kind=None, **SEND),
    Case(name="quit_drip", script=smtp({"quit": drip(b"221-x\r\n")}), kind=None, **SEND),
    Case(name="quit_flood", script=smtp({"quit": endless(b"221-x\r\n")}), kind=None, **SEND),
    Case(name="quit_500", script=smtp({"quit": say("500 what?")}), kind=None, **SEND),
    Case(name="quit_reset", script=smtp({"quit": reset_at}), kind=None, **SEND),
]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_server_gets_its_verdict_in_time(case: Case, run: Any) -> None:
    with HostileServer(case.script) as server:
        heard = talk(server.port, until=case.until, deadline=DEADLINE, credentials=CREDENTIALS, run=run)
    failure = heard.transcript.failure
    if case.kind is None:
        assert failure is None
        assert heard.transcript.reached is case.until
    else:
        assert failure is not None
        assert failure.kind is case.kind
        assert failure.code == case.code
        assert case.stage is None or failure.stage is case.stage
    assert heard.seconds < DEADLINE + SLACK


FLOODS = ["endless_fast_greeting", "huge_line", "ehlo_flood", "dot_flood", "quit_flood"]


@pytest.mark.parametrize("case", [case for case in CASES if case.name in FLOODS], ids=lambda case: case.name)
def test_a_flood_costs_less_than_a_megabyte(case: Case) -> None:
    with HostileServer(case.script) as server:
        talk(server.port, until=case.until, deadline=DEADLINE, credentials=CREDENTIALS)
        tracemalloc.start()
        talk(server.port, until=case.until, deadline=DEADLINE, credentials=CREDENTIALS)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1024 * 1024


def test_a_mute_farewell_takes_a_second_at_most() -> None:
    with HostileServer(smtp({"quit": Peer.mute})) as server:
        heard = talk(server.port, deadline=10)
    assert heard.transcript.ok
    assert heard.transcript.seconds < 0.5
    assert heard.seconds < 1.5


def test_a_refused_recipient_is_kept_though_rset_hangs() -> None:
    with HostileServer(smtp({"rcpt": slow_refusals})) as server:
        heard = talk(server.port, until=Stage.RCPT, deadline=10)
    assert [(result.code, result.enhanced) for result in heard.transcript.recipients] == [(550, "5.1.1")]
    assert heard.seconds < 1.5


def test_a_wrong_password_is_tried_once_with_one_mechanism() -> None:
    with HostileServer(smtp({"auth": say("535 5.7.8 no")})) as server:
        talk(server.port, until=Stage.AUTH, credentials=CREDENTIALS)
        assert sum(line.startswith("AUTH") for line in server.peers[0].lines) == 1


def test_nobody_listening_is_a_refused_connection() -> None:
    with HostileServer(smtp()) as server:
        port = server.port
    failure = talk(port).transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.replied) == (K.CONNECTION, Stage.CONNECT, False)
    assert "ECONNREFUSED" in failure.text


def test_a_peer_that_never_said_anything_has_not_replied() -> None:
    with HostileServer(Peer.mute) as server:
        failure = talk(server.port).transcript.failure
    assert failure is not None
    assert failure.silent


def tls_cases(context: ssl.SSLContext) -> dict[str, tuple[Script, FailureKind, str]]:
    injected = b"220 go ahead\r\n250 injected\r\n"
    ready = say("220 go ahead")

    def after_220(script: Script) -> Script:
        return smtp({"starttls": lambda peer: (ready(peer), peer.hello(), script(peer))}, offers=["STARTTLS"])

    return {
        "stripped": (smtp(), K.TLS, "downgrade suspected"),
        "454": (smtp({"starttls": say("454 4.7.0 TLS not available")}, offers=["STARTTLS"]), K.TLS, "not available"),
        "501": (smtp({"starttls": say("501 no")}, offers=["STARTTLS"]), K.TLS, "no"),
        "injection": (
            smtp({"starttls": lambda p: (p.say(injected), p.mute())}, offers=["STARTTLS"]),
            K.PROTOCOL,
            "injected",
        ),
        "no_answer": (after_220(Peer.mute), K.TIMEOUT, "no TLS within"),
        "drip": (after_220(drip(b"\x16\x03\x03\x40\0\2")), K.TIMEOUT, "no TLS within"),
        "flood": (after_220(endless(b"\x16\x03\x03\x40\0" + b"\2" * 16384)), K.TLS, ""),
        "change_cipher_flood": (after_220(endless(b"\x14\x03\x03\0\1\1")), K.TLS, ""),
        "not_tls": (after_220(say("500 I cannot")), K.TLS, ""),
        "hangs_up": (after_220(lambda _: None), K.TLS, "closed"),
        "reset": (after_220(Peer.reset), K.CONNECTION, "reset"),
    }


@pytest.mark.parametrize("name", list(tls_cases(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))))
def test_a_hostile_starttls_gets_its_verdict_in_time(name: str, server_context: ssl.SSLContext) -> None:
    script, kind, words = tls_cases(server_context)[name]
    with HostileServer(script) as server:
        heard = talk(server.port, tls=Tls.STARTTLS, deadline=DEADLINE, until=Stage.AUTH, credentials=CREDENTIALS)
        said = [line for peer in server.peers for line in peer.lines]
    failure = heard.transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (kind, Stage.STARTTLS)
    assert words in failure.text.lower() or words in failure.text
    assert heard.seconds < DEADLINE + SLACK
    assert not any(line.startswith("AUTH") for line in said)
