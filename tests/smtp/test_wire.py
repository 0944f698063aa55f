"""Where a transaction breaks off decides whether it may be sent elsewhere: the moment of the final dot has no gap."""

import asyncio
import socket

import pytest

from mailover.core.observations import FailureKind, Stage
from mailover.smtp import SessionError
from mailover.smtp.commands import Command, Verb, command, mail_from, rcpt_to
from mailover.smtp.stream import Stream
from mailover.smtp.wire import Wire

DOT = Command(verb=Verb.END_DATA, wire=b".\r\n")


def in_the_body(sock: socket.socket) -> Wire:
    wire = Wire(5.0)
    wire.stream = Stream(sock)
    wire.dialogue.hear(b"220 hello\r\n")
    wire.dialogue.next_answer()
    for said, answer in (
        (command(Verb.EHLO, "us"), b"250 hello\r\n"),
        (mail_from("a@example.com", size=None, eight_bit=False, utf8=False), b"250 fine\r\n"),
        (rcpt_to("b@example.org", utf8=False), b"250 fine\r\n"),
        (command(Verb.DATA), b"354 go on\r\n"),
    ):
        wire.dialogue.say([said])
        wire.dialogue.hear(answer)
        wire.dialogue.next_answer()
    return wire


@pytest.mark.parametrize(
    ("dotted", "error", "kind"),
    [
        (True, TimeoutError(), FailureKind.AMBIGUOUS),
        (False, TimeoutError(), FailureKind.TIMEOUT),
        (True, ConnectionResetError(104, "reset"), FailureKind.CONNECTION),
    ],
    ids=["our time ends as the dot leaves", "our time ends before it", "the system refuses to send the dot"],
)
def test_a_dot_that_may_have_left_is_unanswered_and_one_that_did_not_was_not_accepted(
    dotted: bool, error: OSError, kind: FailureKind
) -> None:
    async def story() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        wire = in_the_body(ours)

        async def end() -> None:
            if dotted:
                await wire.say(DOT)
            raise error

        with theirs, pytest.raises(SessionError) as met:
            await wire.at(Stage.DATA, end())
        assert met.value.failure.kind is kind

    asyncio.run(story())
