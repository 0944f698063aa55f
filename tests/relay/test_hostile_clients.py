"""Clients that mean harm, or are merely broken: none of them gets mail relayed, memory, or the attention of all."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from intakes.house import ENVELOPE, MESSAGE, OPEN, IntakeHouse, intake_house, plan

from mailover.config.fields import Address
from mailover.demo.authority import Authority
from mailover.errors import StorageFullError
from mailover.relay.intake_limits import Limits
from mailover.relay.intake_plan import Listener
from mailover.smtp.server import Logins, serving_context

SECOND = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
BARE = "550 5.6.11 A bare CR or LF in the message; lines end with CRLF"


@pytest.fixture
def house() -> Iterator[IntakeHouse]:
    with intake_house() as built:
        yield built


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[IntakeHouse]:
    """STARTTLS at the first listener, TLS from the first byte at the second."""
    context = serving_context(*authority.write_server(tmp_path, "localhost"))
    terms = replace(OPEN, tls_offered=True)
    address = Address(host="127.0.0.1", port=0)
    listeners = (
        Listener(key="one", address=address, terms=terms),
        Listener(key="two", address=address, terms=terms, implicit=True),
    )
    with intake_house(plan(listeners=listeners, context=context, limits=Limits(per_address=3))) as built:
        yield built


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\n", b"\n.\r", b"\r.\n"]
)
def test_a_smuggled_second_message_is_never_taken(house: IntakeHouse, end: bytes) -> None:
    with house.wire() as wire:
        assert wire.hello().hand_over(b"first" + end + SECOND.removesuffix(b".\r\n")) == BARE
        assert wire.ask(b"NOOP\r\n").startswith("250")
    assert house.queue.mails == {}


def test_what_is_injected_behind_starttls_is_neither_obeyed_nor_answered(
    secure: IntakeHouse, authority: Authority
) -> None:
    with secure.wire() as wire:
        wire.hello().say(b"STARTTLS\r\nEHLO evil\r\n" + ENVELOPE)
        assert wire.hear().startswith("220")
        wire.secure(authority.client_context())
        assert wire.ask(b"MAIL FROM:<a@example.com>\r\n") == "503 5.5.1 Say EHLO first"
        wire.hello()
        assert wire.ask(b"RCPT TO:<b@example.org>\r\n") == "503 5.5.1 MAIL is needed first"


def test_a_login_before_tls_does_not_count_behind_it(secure: IntakeHouse, authority: Authority) -> None:
    with secure.wire() as wire:
        assert wire.hello().log_in("marketing").startswith("235")
        assert wire.ask(b"STARTTLS\r\n").startswith("220")
        wire.secure(authority.client_context())
        assert wire.hello().hand_over().startswith("250")
    mail, content = secure.queue.only
    assert (mail.by, mail.stream) == ("anonymous", "transactional")
    assert b"with ESMTPS id" in content


def test_guessing_passwords_ends_the_session_and_then_pauses_the_address(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello()
        replies = [wire.log_in(password=f"guess-{n}")[:3] for n in range(3)]
        assert replies == ["535", "535", "535"]
        assert wire.rest() == ["421 4.7.0 Too many failed logins"]
    with house.wire() as wire:
        assert wire.hello().log_in(password="guess-3").startswith("454")
        house.wait(2)
        assert wire.log_in(password="guess-3").startswith("535")


def test_an_application_with_a_wrong_password_keeps_no_other_of_its_machine_out(house: IntakeHouse) -> None:
    """Behind a load balancer or on loopback all have one address, and the one that errs may try for ever."""
    for _ in range(3):
        with house.wire() as wire:
            wire.hello()
            for n in range(3):
                wire.log_in(password=f"old-{n}")
    with house.wire() as wire:
        assert wire.hello().log_in().startswith("235")
        assert wire.hand_over().startswith("250")


def test_eighteen_thousand_guesses_get_nowhere(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello().say(18_000 * b"AUTH PLAIN AGEAYg==\r\n")
        assert [reply[:3] for reply in wire.rest()] == ["535", "535", "535", "421"]
    assert house.intake.figures.failed_logins == 3


def test_one_address_and_all_together_have_so_many_connections() -> None:
    with intake_house(plan(limits=Limits(connections=5, per_address=3))) as house, ExitStack() as held:
        for _ in range(3):
            held.enter_context(house.wire())
        with house.wire(greeted=False) as wire:
            assert wire.rest() == ["421 4.7.0 Too many connections from your address, try again later"]
    with intake_house(plan(limits=Limits(connections=2, per_address=3))) as house, ExitStack() as held:
        for _ in range(2):
            held.enter_context(house.wire())
        with house.wire(greeted=False) as wire:
            assert wire.rest() == ["421 4.7.0 Too many connections, try again later"]
        assert house.intake.figures.turned_away == 1
        held.close()
        house.until(lambda: house.intake.figures.sessions == 0)
        with house.wire() as wire:
            assert wire.hello().hand_over().startswith("250")


def test_connections_that_never_begin_tls_count_too(secure: IntakeHouse) -> None:
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(secure.wire(1, greeted=False))
        secure.until(lambda: secure.intake.figures.sessions == 3)
        with secure.wire(1, greeted=False) as wire:
            assert wire.rest() == []
        secure.wait(31)
        secure.until(lambda: secure.intake.figures.sessions == 0)


def test_who_hands_over_and_leaves_fills_no_memory_while_the_queue_is_stuck() -> None:
    """An application with a short patience comes again and again; what it left behind is as many connections."""
    stuck = asyncio.Event()
    with intake_house(plan(limits=Limits(per_address=3))) as house, ExitStack() as undone:
        undone.callback(house.loop.call_soon_threadsafe, stuck.set)
        house.queue.before = stuck.wait  # type: ignore[assignment]
        for n in range(3):
            with house.wire() as wire:
                wire.hello().begin().say(MESSAGE + b".\r\n")
                house.until(lambda n=n: len(house.intake._keeping) == n + 1)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        house.until(lambda: not any(session.open for session in house.intake._sessions))
        with house.wire(greeted=False) as wire:
            assert wire.rest() == ["421 4.7.0 Too many connections from your address, try again later"]
        undone.close()
        house.until(lambda: house.intake.figures.sessions == 0)
        with house.wire() as wire:
            assert wire.hello().hand_over().startswith("250")


@pytest.mark.parametrize("nonsense", [b"EHLO app.test\r\n", b"\x16\x03\x01", bytes(range(256)), b"\x16" * 20_000])
def test_what_is_no_tls_ends_where_tls_is_due(secure: IntakeHouse, nonsense: bytes) -> None:
    with secure.wire(1, greeted=False) as wire:
        wire.say(nonsense)
        if len(nonsense) < 4:
            secure.until(lambda: secure.intake.figures.sessions == 1)
            secure.wait(31)
        wire.socket.settimeout(10)
        assert wire.socket.recv(100)[:1] in {b"", b"\x15"}


def test_large_messages_wait_for_room_instead_of_taking_all_memory() -> None:
    limits = Limits(memory=1_000_000)
    body = 200_000 * b"x" + b"\r\n"
    with intake_house(plan(replace(OPEN, largest=600_000), limits=limits)) as house, ExitStack() as held:
        first, second = (held.enter_context(house.wire()).hello().begin() for _ in range(2))
        first.say(body)
        house.until(lambda: house.intake.room.free == 400_000)
        second.say(body)
        house.until(lambda: bool(house.intake.room._waiting))
        assert first.ask(b".\r\n").startswith("250")
        assert second.ask(b".\r\n").startswith("250")
        house.until(lambda: house.intake.room.free == 1_000_000)


def test_a_large_message_that_finds_no_room_is_for_later() -> None:
    limits = Limits(memory=1_000_000)
    with intake_house(plan(replace(OPEN, largest=600_000), limits=limits)) as house, ExitStack() as held:
        first, second = (held.enter_context(house.wire()).hello().begin() for _ in range(2))
        first.say(200_000 * b"x")
        house.until(lambda: house.intake.room.free == 400_000)
        second.say(200_000 * b"x" + b"\r\n.\r\n")
        house.until(lambda: bool(house.intake.room._waiting))
        house.wait(31)
        assert second.hear() == "452 4.3.1 No room for so large a message now, try again later"
        assert second.ask(b"NOOP\r\n").startswith("250")


def test_a_message_larger_than_announced_has_to_find_more_room() -> None:
    limits = Limits(memory=1_000_000)
    with intake_house(plan(replace(OPEN, largest=600_000), limits=limits)) as house, ExitStack() as held:
        wires = [held.enter_context(house.wire()).hello() for _ in range(2)]
        for wire in wires:
            wire.say(ENVELOPE.replace(b"com>", b"com> SIZE=150000", 1) + b"DATA\r\n")
            assert [wire.hear()[:3] for _ in range(3)] == ["250", "250", "354"]
            wire.say(140_000 * b"x")
        house.until(lambda: house.intake.room.free == 1_000_000 - 2 * 154_096)
        for wire in wires:
            wire.say(60_000 * b"x" + b"\r\n")
            house.until(lambda: house.intake.room.free in {245_904, 400_000})
        assert [wire.ask(b".\r\n")[:3] for wire in wires] == ["250", "452"]


def test_nothing_said_for_five_minutes_is_the_end(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello()
        house.wait(299)
        assert wire.ask(b"NOOP\r\n").startswith("250")
        house.wait(301)
        assert wire.rest() == ["421 4.4.2 Nothing heard for too long, good-bye"]


def test_a_look_that_fails_is_not_the_last_one(house: IntakeHouse, caplog: pytest.LogCaptureFixture) -> None:
    with house.wire() as wire:
        house.moved[0] = None  # type: ignore[call-overload]
        house.until(lambda: "Exception in callback" in caplog.text)
        house.moved[0] = 301.0
        assert wire.rest() == ["421 4.4.2 Nothing heard for too long, good-bye"]


def test_talking_for_ever_without_a_message_is_the_end(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello()
        replies = [wire.ask(b"NOOP\r\n")]
        while replies[-1].startswith("250"):
            house.wait(100)
            replies.append(wire.ask(b"NOOP\r\n"))
        assert len(replies) == 7
        assert replies[-1] in {"421 4.4.2 No message for too long, good-bye", ""}


def test_half_a_command_is_not_waited_for_however_it_drips(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.hello()
        house.wait(200)
        for _ in range(3):
            wire.say(b"N")
            house.until(lambda: bool(unread(house)))
            house.wait(12)
        assert wire.rest() == ["421 4.4.2 Too slow, good-bye"]


def unread(house: IntakeHouse) -> int:
    return sum(session._reception.unread for session in house.intake._sessions)


def test_a_slow_upload_is_taken_and_a_stalled_one_is_cut(house: IntakeHouse) -> None:
    with house.wire() as slow, house.wire() as stalled:
        slow.hello().begin()
        stalled.hello().begin().say(100 * b"x")
        for n in range(1, 4):
            slow.say(20_000 * b"y")
            house.until(lambda n=n: n * 20_000 in received(house))
            house.wait(31)
        assert stalled.rest() == ["421 4.4.2 Too slow, good-bye"]
        assert slow.ask(b"\r\n.\r\n").startswith("250")


def received(house: IntakeHouse) -> set[int]:
    return {session._reception.received - 2 for session in house.intake._sessions}


def test_who_speaks_before_the_greeting_gets_none(house: IntakeHouse) -> None:
    house.loop.call_soon_threadsafe(time.sleep, 0.2)  # so that it does come before
    with house.wire(greeted=False) as wire:
        wire.say(b"EHLO early.test\r\n" + ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\n")
        assert wire.rest() == ["554 5.5.1 You spoke before the greeting"]
    assert house.queue.mails == {}


def test_a_browser_that_was_led_here_sends_no_mail(house: IntakeHouse) -> None:
    with house.wire() as wire:
        form = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200\r\n\r\nEHLO x\r\n" + SECOND
        assert wire.say(form).rest() in ([], ["554 5.5.1 This is not SMTP"])
    house.until(lambda: house.intake.figures.sessions == 0)
    assert house.queue.mails == {}


def test_a_client_that_reads_no_replies_is_not_read_either(house: IntakeHouse) -> None:
    with house.wire() as wire:
        wire.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += wire.socket.send(1000 * b"RSET\r\n")
        except (TimeoutError, ConnectionError):
            pass
        assert sent < 50_000_000
        house.wait(301)
        house.wait(31)
        house.until(lambda: house.intake.figures.sessions == 0)


def test_a_fault_of_ours_is_told_as_a_matter_of_time_and_without_details(
    house: IntakeHouse, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash() -> None:
        raise RuntimeError("postgresql://user:secret@host is down")

    house.queue.before = crash
    with house.wire() as wire:
        assert wire.hello().hand_over() == "451 4.3.0 Cannot keep the message now, try again later"
    assert "RuntimeError" in caplog.text


def test_a_full_disk_is_told_as_one(house: IntakeHouse) -> None:
    async def full() -> None:
        raise StorageFullError("the store could not be written: database or disk is full")

    house.queue.before = full
    with house.wire() as wire:
        assert wire.hello().hand_over() == "452 4.3.1 No room to keep the message, try again later"
        house.queue.before = None
        assert wire.hand_over().startswith("250")


def test_a_message_that_goes_in_circles_is_refused(house: IntakeHouse) -> None:
    hop = b"Received: by relay.test with ESMTP;\r\n\tSat, 28 Nov 2026 10:00:00 +0000\r\n"
    with house.wire() as wire:
        assert wire.hello().hand_over(30 * hop + MESSAGE).startswith("250")
        assert wire.hand_over(31 * hop + MESSAGE) == "554 5.4.6 Too many hops: the message goes in circles"
    assert house.intake.figures.refused == 1


def test_a_message_sent_again_since_its_answer_was_lost_is_kept_once(house: IntakeHouse) -> None:
    named = b"Message-ID: <1@app.test>\r\n" + MESSAGE
    with house.wire() as wire:
        first = wire.hello().hand_over(named)
        assert wire.hand_over(named) == first
        assert wire.hand_over(MESSAGE) != wire.hand_over(MESSAGE)
    assert len(house.queue.mails) == 3
    assert len(house.accepted) == 3


def test_nobody_sends_to_the_world_who_has_not_logged_in(authority: Authority, tmp_path: Path) -> None:
    """What is asked of everybody who does not come from this machine."""
    context = serving_context(*authority.write_server(tmp_path, "localhost"))
    terms = replace(OPEN, tls_offered=True, tls_required=True, logins=Logins.REQUIRED, clear_logins=False)
    with intake_house(plan(terms, context=context)) as house:
        for path in (b"a@example.com", b"root@localhost", b""):
            with house.wire() as wire:
                wire.hello().say(b"MAIL FROM:<" + path + b">\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
                assert [wire.hear()[:3] for _ in range(3)] == ["530", "503", "503"]
                wire.ask(b"STARTTLS\r\n")
                wire.secure(client := authority.client_context())
                assert isinstance(client, ssl.SSLContext)
                wire.hello().say(b"MAIL FROM:<" + path + b">\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
                assert [wire.hear()[:3] for _ in range(3)] == ["530", "503", "503"]
        assert house.queue.mails == {}
