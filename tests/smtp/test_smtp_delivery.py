"""A message handed over: to real aiosmtpd, in groups where they are offered, and only where it is fit to be taken."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hostile.servers import GO_ON, HostileServer, Peer, say, smtp
from hostile.talking import MESSAGE, context_of, talk

from mailover.core.observations import FailureKind, Stage
from mailover.core.providers import Tls
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint, Envelope, Mechanism, Session, SessionError

THREE = Envelope(sender="from@example.com", recipients=("a@example.com", "b@example.com", "c@example.com"))
K = FailureKind


class Mailbox:
    """The server side of a real aiosmtpd: keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 queued as 42"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def provider(mailbox: Mailbox, ca: Any) -> Iterator[Controller]:
    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"user", b"s3cret"), handled=False)

    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        tls_context=context_of(ca.issue_cert("localhost")),
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
        enable_SMTPUTF8=True,
    )
    with HostileServer(smtp()) as free:
        controller.port = free.port
    controller.start()
    yield controller
    controller.stop()


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
@pytest.mark.parametrize("mechanism", [Mechanism.PLAIN, Mechanism.LOGIN])
@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_message_arrives_at_a_real_server(
    provider: Controller, mailbox: Mailbox, trusted: str, mechanism: Mechanism, runner: Any
) -> None:
    async def send_twice() -> list[Stage | None]:
        endpoint = Endpoint(host="localhost", port=provider.port, ca_file=trusted)
        credentials = Credentials(username="user", password=Secret("s3cret"), mechanism=mechanism)
        session = Session(endpoint, resolver=Resolver(), deadline=5, credentials=credentials)
        reached = []
        await session.open()
        await session.login()
        for number in range(2):
            session.begin(5)
            await session.send(THREE, b"Subject: %d\n\n.dot\nend" % number)
            reached.append(session.transcript(None).reached)
            assert session.usable
        await session.reset()
        await session.take_leave()
        return reached

    assert runner(send_twice()) == [Stage.END_DATA, Stage.END_DATA]
    assert mailbox.messages == [
        ("from@example.com", list(THREE.recipients), b"Subject: %d\r\n\r\n.dot\r\nend\r\n" % number)
        for number in range(2)
    ]


def test_one_refused_recipient_does_not_hold_up_the_others() -> None:
    def refuse_b(peer: Peer) -> object:
        peer.say("550 5.1.1 no such user" if "<b@" in peer.lines[-1] else "250 ok")
        return GO_ON

    for offers in (["SIZE"], ["PIPELINING"]):
        with HostileServer(smtp({"rcpt": refuse_b}, offers=offers)) as server:
            transcript = talk(server.port, until=Stage.END_DATA, deadline=5, envelope=THREE).transcript
        assert transcript.ok
        assert [result.failure and result.failure.kind for result in transcript.recipients] == [None, K.RECIPIENT, None]


def test_a_group_is_sent_without_waiting_where_it_is_offered() -> None:
    arrived: list[bytes] = []

    def peek(peer: Peer) -> object:
        peer.stopped.wait(0.05)
        arrived.append(peer.unread)
        return say("250 ok")(peer)

    for offers in (["PIPELINING"], ["SIZE"]):
        with HostileServer(smtp({"mail": peek}, offers=offers)) as server:
            assert talk(server.port, until=Stage.END_DATA, deadline=5).transcript.ok
    assert arrived == [b"RCPT TO:<to@example.com>\r\nDATA\r\n", b""]


@pytest.mark.parametrize("offers", [["PIPELINING"], ["SIZE"]])
def test_a_refused_sender_leaves_the_session_usable(offers: list[str]) -> None:
    async def send(port: int) -> tuple[SessionError, bool]:
        session = Session(Endpoint(host="127.0.0.1", port=port, tls=Tls.NONE), resolver=Resolver(), deadline=5)
        await session.open()
        with pytest.raises(SessionError) as refused:
            await session.send(THREE, MESSAGE)
        usable = session.usable
        await session.take_leave()
        return refused.value, usable

    no = say("503 5.5.1 need MAIL")
    twists = {"mail": say("550 5.7.1 sender not allowed"), "rcpt": no, "data": no_body}
    with HostileServer(smtp(twists, offers=offers)) as server:
        refused, usable = asyncio.run(send(server.port))
    assert (refused.failure.stage, refused.failure.code) == (Stage.MAIL, 550)
    assert usable


def no_body(peer: Peer) -> object:
    """Refuse DATA and go on with commands, as a server does that got a group behind a refused MAIL."""
    peer.say("503 5.5.1 need MAIL")
    while (line := peer.line()) != "QUIT":
        peer.say(f"250 {line}")
    peer.say("221 bye")
    return None


@pytest.mark.parametrize("farewell", [b"421 4.4.2 idle for too long\r\n", b""], ids=["goodbye", "hung up"])
def test_a_kept_connection_that_the_server_closed_is_not_used_again(farewell: bytes) -> None:
    async def keep(server: HostileServer) -> tuple[bool, bool]:
        endpoint = Endpoint(host="127.0.0.1", port=server.port, tls=Tls.NONE)
        session = Session(endpoint, resolver=Resolver(), deadline=5)
        await session.open()
        await session.send(THREE, MESSAGE)
        before = session.is_alive()
        server.peers[0].say(farewell)
        server.peers[0].sock.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.05)
        after = session.is_alive()
        session.close()
        return before, after

    with HostileServer(smtp()) as server:
        assert asyncio.run(keep(server)) == (True, False)


def test_what_a_server_says_behind_its_acceptance_does_not_undo_it() -> None:
    with HostileServer(smtp({"dot": say("250 2.0.0 queued\r\n250 2.0.0 really")})) as server:
        assert talk(server.port, until=Stage.END_DATA, deadline=5).transcript.ok


def test_the_last_reply_may_be_given_more_time_than_the_rest() -> None:
    def think(peer: Peer) -> object:
        peer.stopped.wait(0.6)
        return say("250 2.0.0 queued")(peer)

    async def send(port: int, patience: float | None) -> Session:
        session = Session(Endpoint(host="127.0.0.1", port=port, tls=Tls.NONE), resolver=Resolver(), deadline=0.4)
        await session.open()
        try:
            await session.send(THREE, MESSAGE, patience=patience)
        finally:
            session.close()
        return session

    with HostileServer(smtp({"dot": think})) as server:
        assert asyncio.run(send(server.port, 5)).transcript(None).reached is Stage.END_DATA
        with pytest.raises(SessionError, match="may or may not"):
            asyncio.run(send(server.port, None))


def test_no_message_is_finished_for_nobody() -> None:
    """A server that wants a body though it refused every recipient gets none, not even an empty one."""
    got: list[bytes] = []

    def refuse(peer: Peer) -> object:
        return say("550 5.1.1 no such user")(peer)

    def take(peer: Peer) -> object:
        peer.say("354 go on")
        got.append(peer.sock.recv(1000))
        return None

    with HostileServer(smtp({"rcpt": refuse, "data": take}, offers=["PIPELINING"])) as server:
        failure = talk(server.port, until=Stage.END_DATA, deadline=5).transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.RECIPIENT, Stage.RCPT)
    assert got == [b""]


@pytest.mark.parametrize(
    ("offers", "envelope", "message", "words"),
    [
        (["SIZE 1000"], THREE, MESSAGE + b"x" * 2000, "the server takes 1000"),
        (["SIZE"], THREE, "Subject: ü\r\n".encode(), "8BITMIME"),
        (["SIZE"], Envelope(sender="ü@example.com", recipients=("a@b.example",)), MESSAGE, "SMTPUTF8"),
        (["SIZE"], Envelope(sender="a\r\nRSET@x", recipients=("a@b.example",)), MESSAGE, "not an address"),
    ],
    ids=["too big", "8-bit", "utf-8 sender", "smuggling sender"],
)
def test_what_would_be_refused_is_not_sent(offers: list[str], envelope: Envelope, message: bytes, words: str) -> None:
    with HostileServer(smtp(offers=offers)) as server:
        heard = talk(server.port, until=Stage.END_DATA, deadline=5, envelope=envelope, message=message)
        assert not any(line.startswith("MAIL") for line in server.peers[0].lines)
    failure = heard.transcript.failure
    assert failure is not None
    assert failure.kind is K.MESSAGE
    assert words in failure.text


def test_a_recipient_that_cannot_be_written_blames_nobody() -> None:
    envelope = Envelope(sender="", recipients=("ü@example.com", "a@example.com"))
    with HostileServer(smtp()) as server:
        transcript = talk(server.port, until=Stage.END_DATA, deadline=5, envelope=envelope).transcript
    assert transcript.ok
    assert [result.failure and result.failure.kind for result in transcript.recipients] == [K.RECIPIENT, None]


def test_utf_8_addresses_and_8_bit_messages_are_declared_where_they_are_offered() -> None:
    envelope = Envelope(sender="ü@example.com", recipients=("ß@example.com",))
    with HostileServer(smtp(offers=["SMTPUTF8", "8BITMIME", "SIZE 0"])) as server:
        arguments = {"until": Stage.END_DATA, "deadline": 5, "envelope": envelope, "message": "ü".encode()}
        assert talk(server.port, **arguments).transcript.ok
        lines = server.peers[0].lines
    assert "MAIL FROM:<ü@example.com> SIZE=4 BODY=8BITMIME SMTPUTF8" in lines
    assert "RCPT TO:<ß@example.com>" in lines


def test_many_recipients_go_in_several_groups() -> None:
    many = Envelope(sender="", recipients=tuple(f"r{number}@example.com" for number in range(120)))
    with HostileServer(smtp(offers=["PIPELINING"])) as server:
        transcript = talk(server.port, until=Stage.END_DATA, deadline=5, envelope=many).transcript
    assert transcript.ok
    assert len(transcript.recipients) == 120


def test_an_envelope_probe_never_says_data() -> None:
    with HostileServer(smtp()) as server:
        assert talk(server.port, until=Stage.RCPT, deadline=5).transcript.reached is Stage.RCPT
        verbs = [line.split()[0] for line in server.peers[0].lines]
    assert verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]
