"""Taking mail over a real socket: sessions, TLS, logins and streams, and an end that cuts nothing short."""

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from intakes.house import ENVELOPE, MESSAGE, OPEN, TOKEN, IntakeHouse, Wire, intake_house, plan

from mailover.config.fields import Address
from mailover.demo.authority import Authority
from mailover.errors import ConfigError, StorageError
from mailover.relay.intake import Intake
from mailover.relay.intake_limits import Limits
from mailover.relay.intake_plan import Listener, Plan
from mailover.smtp.server import Logins, Terms, serving_context

PUBLIC = Terms(hostname="relay.test", tls_offered=True, tls_required=True, logins=Logins.REQUIRED)
ANYWHERE = Address(host="127.0.0.1", port=0)


@pytest.fixture
def house() -> Iterator[IntakeHouse]:
    with intake_house() as built:
        yield built


@pytest.fixture(scope="session")
def context(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return serving_context(*authority.write_server(tmp_path_factory.mktemp("intake"), "localhost"))


@pytest.fixture(scope="session")
def client(authority: Authority) -> ssl.SSLContext:
    return authority.client_context()


@pytest.fixture
def public(context: ssl.SSLContext) -> Iterator[IntakeHouse]:
    """As on any address but loopback: STARTTLS, TLS from the first byte, and a listener with a stream of its own."""
    listeners = (
        Listener(key="relay.listen", address=ANYWHERE, terms=PUBLIC),
        Listener(key="relay.listeners.tls.listen", address=ANYWHERE, terms=PUBLIC, implicit=True),
        Listener(key="relay.listeners.news.listen", address=ANYWHERE, terms=PUBLIC, stream="marketing"),
    )
    with intake_house(plan(listeners=listeners, context=context)) as built:
        yield built


def secured(house: IntakeHouse, client: ssl.SSLContext, listener: int = 0) -> Wire:
    wire = house.wire(listener).hello()
    assert wire.ask(b"STARTTLS\r\n").startswith("220")
    wire.secure(client)
    return wire.hello()


# -- ordinary sessions


def test_a_message_is_kept_before_it_is_acknowledged(house: IntakeHouse) -> None:
    with house.wire() as wire:
        reply = wire.hello().hand_over()
    mail, content = house.queue.only
    assert reply == f"250 2.0.0 Ok: queued as {mail.id}"
    assert content.endswith(b"\r\n\r\nhello\r\n")
    assert (mail.stream, mail.by, mail.priority) == ("transactional", "anonymous", 1)
    assert [each.id for each in house.accepted] == [mail.id]


def test_many_messages_go_through_one_session(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello()
        for n in range(50):
            assert wire.hand_over(b"Subject: %d\r\n\r\nhello\r\n" % n).startswith("250")
        assert wire.ask(b"QUIT\r\n").startswith("221")
        assert wire.hear() == ""
    assert len(house.queue.mails) == 50


def test_whole_transactions_may_be_sent_ahead(house: IntakeHouse) -> None:
    one = ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\n"
    with house.wire() as wire:
        wire.say(b"EHLO app.test\r\n" + 20 * one + b"QUIT\r\n")
        codes = [reply[:3] for reply in wire.rest()]
    assert codes == ["250", *20 * ["250", "250", "354", "250"], "221"]
    assert len(house.queue.mails) == 20


def test_the_standard_librarys_client_is_served(house: IntakeHouse) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.org", "größer"
    message.set_content("Zeile\n.\n..\nzwei\n")
    with smtplib.SMTP("127.0.0.1", house.intake.ports[0]) as smtp:
        smtp.send_message(message)
    content = house.queue.only[1]
    assert message.as_bytes(policy=message.policy.clone(linesep="\r\n")) in content


def test_it_runs_on_the_ordinary_event_loop_too(context: ssl.SSLContext, client: ssl.SSLContext) -> None:
    listeners = (Listener(key="relay.listen", address=ANYWHERE, terms=PUBLIC),)
    wanted = plan(listeners=listeners, context=context)
    with intake_house(wanted, plain_loop=True) as house, secured(house, client) as wire:
        assert wire.log_in().startswith("235")
        assert wire.hand_over(MESSAGE + 300_000 * b"x" + b"\r\n").startswith("250")
    assert house.queue.only[0].size > 300_000


# -- who may send, and as which stream


def test_the_username_says_the_stream(house: IntakeHouse) -> None:
    with house.wire() as wire:
        assert wire.hello().log_in("marketing").startswith("235")
        assert wire.hand_over().startswith("250")
    mail, content = house.queue.only
    assert (mail.stream, mail.by) == ("marketing", "app")
    assert b"with ESMTPA id" in content


@pytest.mark.parametrize(
    ("username", "password"), [("marketing", "wrong"), ("nonsense", TOKEN), ("", TOKEN), ("marketing", "")]
)
def test_a_wrong_username_is_refused_as_a_wrong_password_is(house: IntakeHouse, username: str, password: str) -> None:
    with house.wire() as wire:
        assert wire.hello().log_in(username, password) == "535 5.7.8 Authentication credentials invalid"
        assert wire.hand_over().startswith("250")
    assert house.queue.only[0].by == "anonymous"


def test_beyond_loopback_nothing_is_taken_without_tls_and_a_login(public: IntakeHouse, client: ssl.SSLContext) -> None:
    with public.wire() as wire:
        assert wire.hello().ask(b"MAIL FROM:<a@example.com>\r\n").startswith("530 5.7.0 Must issue a STARTTLS")
        assert wire.log_in().startswith("538")
    with secured(public, client) as wire:
        assert wire.ask(b"MAIL FROM:<a@example.com>\r\n").startswith("530 5.7.0 Authentication required")
        assert wire.log_in(password="wrong").startswith("535")
        assert wire.ask(b"MAIL FROM:<a@example.com>\r\n").startswith("530")
        assert wire.log_in().startswith("235")
        assert wire.hand_over().startswith("250")
    assert b"with ESMTPSA id" in public.queue.only[1]


def test_tls_may_come_from_the_first_byte(public: IntakeHouse, client: ssl.SSLContext) -> None:
    with public.wire(1, tls=client) as wire:
        assert "STARTTLS" not in wire.ask(b"EHLO app.test\r\n")
        assert wire.log_in().startswith("235")
        assert wire.hand_over().startswith("250")
        assert wire.ask(b"QUIT\r\n").startswith("221")
        assert wire.hear() == ""


def test_a_listener_may_have_a_stream_of_its_own(public: IntakeHouse, client: ssl.SSLContext) -> None:
    with secured(public, client, 2) as wire:
        assert wire.log_in("whoever").startswith("235")
        assert wire.hand_over().startswith("250")
    assert public.queue.only[0].stream == "marketing"


def test_what_is_encrypted_may_be_large_and_come_in_pieces(public: IntakeHouse, client: ssl.SSLContext) -> None:
    body = b"".join(b"%06d %s\r\n" % (n, 60 * b"x") for n in range(30_000))
    with secured(public, client) as wire:
        assert wire.log_in().startswith("235")
        assert wire.hand_over(b"Subject: large\r\n\r\n" + body).startswith("250")
    assert public.queue.only[1].endswith(body)


def test_no_password_is_in_any_log(house: IntakeHouse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with house.wire() as wire:
        wire.hello().log_in("marketing", "a-wrong-password-of-somebody")
        wire.log_in()
        wire.hand_over()
    assert "was refused, the 1. within" in caplog.text
    assert "a-wrong-password" not in caplog.text
    assert TOKEN not in caplog.text
    assert "example.org" not in caplog.text


# -- a new certificate, other tokens


def test_a_new_certificate_is_used_by_the_next_handshake(
    public: IntakeHouse, authority: Authority, tmp_path: Path, client: ssl.SSLContext
) -> None:
    with public.wire(1, tls=client) as before:
        renewed = serving_context(*authority.write_server(tmp_path, "localhost"))
        old = public.call(lambda: plan_of(public.intake))
        public.call(lambda: public.intake.reload(replace(old, context=renewed)))
        with public.wire(1, tls=client) as after:
            assert serial(before) != serial(after)
        assert before.hello().log_in().startswith("235")
        assert before.hand_over().startswith("250")


def plan_of(intake: Intake) -> Plan:
    return Plan(
        listeners=tuple(intake._listeners.values()),
        streams=intake._streams,
        default_stream=intake.default_stream,
        limits=intake.limits,
        context=intake.context,
    )


def serial(wire: Wire) -> object:
    assert isinstance(wire.socket, ssl.SSLSocket)
    found = wire.socket.getpeercert()
    assert found is not None
    return found["serialNumber"]


def test_a_reload_drops_no_session_and_its_limits_hold_for_the_next_one(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello().begin()
        old = house.call(lambda: plan_of(house.intake))
        terms = replace(OPEN, recipients=1)
        changed = replace(old, listeners=(replace(old.listeners[0], terms=terms),), default_stream="marketing")
        house.call(lambda: house.intake.reload(changed))
        assert wire.ask(MESSAGE + b".\r\n").startswith("250")
        assert house.queue.only[0].stream == "transactional"
    with house.wire() as wire:
        wire.hello().say(ENVELOPE + b"RCPT TO:<c@example.org>\r\n")
        assert [wire.hear()[:3] for _ in range(3)] == ["250", "250", "452"]


def test_a_listener_does_not_move_while_it_runs(house: IntakeHouse) -> None:
    old = house.call(lambda: plan_of(house.intake))
    moved = replace(old, listeners=(replace(old.listeners[0], address=Address(host="127.0.0.1", port=2525)),))
    with pytest.raises(ConfigError, match="no listener can change while mailover runs"):
        house.call(lambda: house.intake.reload(moved))
    with house.wire() as wire:
        assert wire.hello().hand_over().startswith("250")


def test_a_taken_port_is_a_problem_of_the_config(house: IntakeHouse) -> None:
    taken = Address(host="127.0.0.1", port=house.intake.ports[0])
    free = Listener(key="relay.listen", address=ANYWHERE, terms=OPEN)
    wanted = plan(listeners=(free, Listener(key="relay.listeners.two.listen", address=taken, terms=OPEN)))
    with pytest.raises(ConfigError, match=r"relay.listeners.two.listen: 127.0.0.1:[0-9]+ cannot be used: Address"):
        Intake(wanted, house.intake._door, lambda _: None)


# -- the end


def stopping(house: IntakeHouse) -> threading.Thread:
    thread = threading.Thread(target=lambda: house.call(house.intake.stop))
    thread.start()
    return thread


def test_at_the_end_who_does_nothing_is_told_and_who_comes_is_refused(house: IntakeHouse) -> None:
    with house.wire() as idle, house.wire() as half:
        idle.hello()
        half.hello().say(b"MAIL FROM:<a@example.com>\r\n").hear()
        stopping(house).join(20)
        assert idle.rest() == ["421 4.3.2 Shutting down, try again later"]
        assert half.rest() == ["421 4.3.2 Shutting down, try again later"]
    with pytest.raises(ConnectionRefusedError):
        house.wire()


def test_at_the_end_a_message_on_its_way_in_is_still_taken(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello().begin().say(MESSAGE)
        ending = stopping(house)
        house.until(lambda: house.intake._stopping)
        assert wire.ask(b".\r\n").startswith("250")
        assert wire.rest() == ["421 4.3.2 Shutting down, try again later"]
        ending.join(20)
    assert len(house.queue.mails) == 1


def test_at_the_end_a_message_that_is_being_kept_gets_its_answer(house: IntakeHouse) -> None:
    kept = asyncio.Event()
    house.queue.before = kept.wait  # type: ignore[assignment]
    with house.wire() as wire:
        wire.hello().begin().say(MESSAGE + b".\r\n")
        house.until(lambda: bool(house.intake._keeping))
        ending = stopping(house)
        house.until(lambda: house.intake._stopping)
        house.loop.call_soon_threadsafe(kept.set)
        assert wire.hear().startswith("250")
        assert wire.rest() == ["421 4.3.2 Shutting down, try again later"]
        ending.join(20)


def test_at_the_end_nobody_is_waited_for_without_end() -> None:
    with intake_house(plan(limits=Limits(stopping=0.05))) as house, house.wire() as wire:
        wire.hello().begin().say(MESSAGE)
        stopping(house).join(20)
        assert wire.rest() == ["421 4.3.2 Shutting down, try again later"]
        assert house.queue.mails == {}


# -- when a message cannot be kept


def test_a_client_that_leaves_after_the_dot_has_its_message_kept(house: IntakeHouse) -> None:
    kept = asyncio.Event()
    house.queue.before = kept.wait  # type: ignore[assignment]
    with house.wire() as wire:
        wire.hello().begin().say(MESSAGE + b".\r\n")
        house.until(lambda: bool(house.intake._keeping))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    house.until(lambda: not any(session.open for session in house.intake._sessions))
    house.loop.call_soon_threadsafe(kept.set)
    house.until(lambda: bool(house.queue.mails))
    house.until(lambda: house.intake.figures.unheard == 1)
    house.until(lambda: house.intake.figures.sessions == 0)
    assert len(house.accepted) == 1


def test_a_client_that_only_listens_after_the_dot_hears_the_answer(house: IntakeHouse) -> None:
    """As a shell script does that ends its input: half of the connection is closed."""
    kept = asyncio.Event()
    house.queue.before = kept.wait  # type: ignore[assignment]
    with house.wire() as wire:
        wire.hello().begin().say(MESSAGE + b".\r\n")
        wire.socket.shutdown(socket.SHUT_WR)
        house.until(lambda: any(session._silent for session in house.intake._sessions))
        house.loop.call_soon_threadsafe(kept.set)
        assert [reply[:3] for reply in wire.rest()] == ["250"]
    assert house.intake.figures.unheard == 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello().begin().say(MESSAGE)
    house.until(lambda: house.intake.figures.sessions == 0)
    assert house.queue.mails == {}


def test_a_queue_that_cannot_be_written_is_no_fault_of_the_message(house: IntakeHouse) -> None:
    async def broken() -> None:
        raise StorageError("the store could not be written: database is locked")

    house.queue.before = broken
    with house.wire() as wire:
        assert wire.hello().hand_over() == "451 4.3.0 Cannot keep the message now, try again later"
        house.queue.before = None
        assert wire.hand_over().startswith("250")
    assert house.intake.figures.deferred == 1
