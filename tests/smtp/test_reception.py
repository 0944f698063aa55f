"""The server's side of a dialogue, without a wire: what is answered to what, in which order, and what ends it."""

import pytest
from receiving import ENVELOPE, OPEN, PUBLIC, TAKEN, WITH_LOGIN, answers, arrived, codes, greeted, offers

from mailover.smtp.server import Arrived, Ended, Event, Reception, Terms

# -- the order of commands


def test_a_message_goes_through() -> None:
    reception = greeted()
    assert answers(reception, b"MAIL FROM:<a@example.com>\r\n") == [250]
    assert answers(reception, b"RCPT TO:<b@example.org>\r\n") == [250]
    assert answers(reception, b"DATA\r\n") == [354]
    message = arrived(reception.hear(b"Subject: hello\r\n\r\nhello\r\n.\r\n"))
    assert (message.sender, message.recipients) == ("a@example.com", ("b@example.org",))
    assert message.content == b"Subject: hello\r\n\r\nhello\r\n"
    assert reception.say() == b""
    assert reception.answer(TAKEN) is None
    assert reception.say() == b"250 2.0.0 Taken\r\n"


def test_all_of_it_may_come_in_one_piece() -> None:
    reception = greeted()
    event = reception.hear(ENVELOPE + b"DATA\r\nhello\r\n.\r\nQUIT\r\n")
    assert arrived(event).content == b"hello\r\n"
    assert codes(reception.say()) == [250, 250, 354]
    assert isinstance(reception.answer(TAKEN), Ended)
    assert codes(reception.say()) == [250, 221]


def test_the_next_message_waits_for_the_answer_to_this_one() -> None:
    reception = greeted()
    both = 2 * (ENVELOPE + b"DATA\r\nhello\r\n.\r\n")
    reception.hear(both)
    assert reception.unread == len(both) // 2
    arrived(reception.answer(TAKEN))
    assert codes(reception.say()) == [250, 250, 354, 250, 250, 250, 354]


def test_what_is_offered_can_be_kept() -> None:
    reception = Reception(PUBLIC)
    reception.greet()
    assert reception.say() == b"220 relay.test ESMTP\r\n"
    reception.hear(b"EHLO app.test\r\n")
    offered = {line[4:].decode() for line in reception.say().splitlines()[1:]}
    assert offered == {"PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8", "STARTTLS", "ENHANCEDSTATUSCODES"}


def test_logins_are_offered_where_a_password_may_be_said() -> None:
    assert b"AUTH" not in offers(Reception(PUBLIC))
    assert b"AUTH PLAIN LOGIN" in offers(Reception(PUBLIC, encrypted=True))
    assert b"AUTH PLAIN LOGIN" in offers(Reception(WITH_LOGIN))
    assert b"STARTTLS" not in offers(Reception(PUBLIC, encrypted=True))


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (b"MAIL FROM:<a@example.com>\r\n", 503),
        (b"EHLO x\r\nRCPT TO:<b@example.org>\r\n", 503),
        (b"EHLO x\r\nDATA\r\n", 503),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nDATA\r\n", 503),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nMAIL FROM:<a@example.com>\r\n", 503),
        (b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nSTARTTLS\r\n", 503),
        (b"EHLO x\r\n" + ENVELOPE + b"DATA now\r\n", 501),
        (b"EHLO x\r\nSTARTTLS\r\n", 502),
        (b"EHLO x\r\nAUTH PLAIN\r\n", 502),
        (b"EHLO\r\n", 501),
        (b"HELO two words\r\n", 501),
        (b"EHLO \xc3\xa9\r\n", 501),
        (b"EHLO x\r\nBDAT 5 LAST\r\n", 500),
        (b"EHLO x\r\nNONSENSE\r\n", 500),
        (b"EHLO x\r\n\r\n", 500),
        (b"EHLO x\r\nNO\0OP\r\n", 500),
        (b"EHLO x\r\nNOOP\n", 500),
        (b"EHLO x\r\nNOOP\rRSET\r\n", 500),
    ],
)
def test_a_command_out_of_turn_or_out_of_shape_is_refused_and_changes_nothing(commands: bytes, code: int) -> None:
    reception = Reception(OPEN)
    reception.greet()
    assert answers(reception, commands)[-1] == code
    reception.hear(b"EHLO x\r\nRSET\r\n" + ENVELOPE + b"DATA\r\n")
    assert codes(reception.say())[-1] == 354


@pytest.mark.parametrize("command", [b"NOOP", b"noop with words", b"RSET", b"VRFY somebody", b"HELP", b"HELP DATA"])
def test_some_commands_have_no_turn(command: bytes) -> None:
    reception = Reception(OPEN)
    reception.greet()
    reception.say()
    assert answers(reception, command + b"\r\n")[0] < 300
    reception.hear(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\n")
    assert answers(reception, command + b"\r\n")[-1] < 300


@pytest.mark.parametrize("again", [b"RSET\r\n", b"EHLO x\r\n", b"HELO x\r\n"])
def test_a_transaction_can_be_forgotten(again: bytes) -> None:
    reception = greeted()
    reception.hear(ENVELOPE + again)
    reception.say()
    assert answers(reception, b"DATA\r\n") == [503]
    reception.hear(b"MAIL FROM:<c@example.com>\r\nRCPT TO:<d@example.org>\r\nDATA\r\n")
    assert arrived(reception.hear(b".\r\n")).recipients == ("d@example.org",)


def test_replies_say_what_happened_in_three_numbers_too() -> None:
    reception = greeted()
    reception.hear(ENVELOPE + b"RCPT TO:<nobody>\r\nNONSENSE\r\nNOOP\r\n")
    assert [line.split()[1] for line in reception.say().splitlines()] == [
        b"2.1.0",
        b"2.1.5",
        b"5.1.3",
        b"5.5.1",
        b"2.0.0",
    ]


# -- the end of the message


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\n", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n"],
    ids=repr,
)
def test_only_crlf_dot_crlf_ends_a_message(end: bytes) -> None:
    """SMTP smuggling: what others take for an end must not make two messages of one."""
    reception = greeted()
    second = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
    event = reception.hear(ENVELOPE + b"DATA\r\nfirst" + end + second)
    if b"\0" in end:
        assert arrived(event).content == b"first" + end + second.removesuffix(b".\r\n")
    else:
        assert event is None
        assert codes(reception.say()) == [250, 250, 354, 550]


@pytest.mark.parametrize("bare", [b"a\nb\r\n", b"a\rb\r\n", b"\n\r\n", b"a\r\r\n", b"\n"])
def test_a_bare_cr_or_lf_in_a_message_is_refused(bare: bytes) -> None:
    reception = greeted()
    reception.hear(ENVELOPE + b"DATA\r\n" + bare + b"\r\n.\r\n")
    assert reception.say().endswith(b"550 5.6.11 A bare CR or LF in the message; lines end with CRLF\r\n")
    assert answers(reception, ENVELOPE) == [250, 250]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b".\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n..b\r\n\r\n..\r\n.\r\n", b"a\r\n.b\r\n\r\n.\r\n"),
        (b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n"),
        (b"a\0b\r\n.\r\n", b"a\0b\r\n"),
    ],
)
def test_the_stuffed_dots_are_taken_out(sent: bytes, meant: bytes) -> None:
    reception = greeted()
    assert arrived(reception.hear(ENVELOPE + b"DATA\r\n" + sent)).content == meant


def test_a_message_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    terms = Terms(hostname="relay.test", largest=1000)
    for size, taken in ((1000, True), (1001, False)):
        reception = greeted(terms)
        reception.hear(ENVELOPE + b"DATA\r\n")
        event = reception.hear(b"." * 2 + b"x" * (size - 3) + b"\r\n.\r\n")
        assert isinstance(event, Arrived) is taken
        assert taken or codes(reception.say())[-1] == 552


def test_a_message_without_end_holds_no_memory_and_is_cut() -> None:
    reception = greeted(Terms(hostname="relay.test", largest=10_000))
    reception.hear(ENVELOPE + b"DATA\r\n")
    event: Event | None = None
    for _ in range(50):
        event = reception.hear(1000 * b"x")
        if event is not None:
            break
        assert reception.content is not None
        assert reception.content.held < 12_000
    assert isinstance(event, Ended)
    assert codes(reception.say())[-1] == 552


def test_an_announced_size_beyond_the_limit_is_refused_before_a_byte_of_it_is_sent() -> None:
    reception = greeted()
    assert answers(reception, b"MAIL FROM:<a@example.com> SIZE=26214401\r\n") == [552]
    assert answers(reception, b"MAIL FROM:<a@example.com> SIZE=26214400\r\n") == [250]
    assert reception.announced == 26_214_400


# -- patience


def test_nonsense_is_heard_for_a_while_only() -> None:
    reception = greeted()
    event = reception.hear(100 * b"NONSENSE\r\n")
    assert isinstance(event, Ended)
    assert codes(reception.say()) == [*20 * [500], 421]
    assert reception.hear(b"NOOP\r\n") is None
    assert reception.say() == b""


def test_commands_without_a_message_come_to_an_end() -> None:
    reception = greeted()
    event = reception.hear(1000 * b"NOOP\r\n")
    assert isinstance(event, Ended)
    assert codes(reception.say()) == [*299 * [250], 421]


def test_one_recipient_said_again_and_again_comes_to_an_end_too() -> None:
    reception = greeted()
    event = reception.hear(b"MAIL FROM:<>\r\n" + 1000 * b"RCPT TO:<b@example.org>\r\n")
    assert isinstance(event, Ended)
    assert codes(reception.say()) == [*300 * [250], 421]


def test_a_message_begins_the_count_of_commands_anew() -> None:
    reception = greeted()
    for _ in range(300):
        arrived(reception.hear(ENVELOPE + b"DATA\r\n.\r\n"))
        assert reception.answer(TAKEN) is None


def test_recipients_beyond_the_limit_are_for_the_next_message() -> None:
    reception = greeted()
    recipients = b"".join(b"RCPT TO:<r%d@example.org>\r\n" % n for n in range(150))
    assert answers(reception, b"MAIL FROM:<>\r\n" + recipients) == [250, *100 * [250], *50 * [452]]
    reception.hear(b"DATA\r\n")
    assert len(arrived(reception.hear(b".\r\n")).recipients) == 100


def test_five_thousand_recipients_end_the_dialogue() -> None:
    reception = greeted()
    event = reception.hear(b"MAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<r%d@example.org>\r\n" % n for n in range(5000)))
    assert isinstance(event, Ended)


@pytest.mark.parametrize("line", [3000 * b"x", b"NOOP " + 3000 * b"x" + b"\r\n"])
def test_a_line_has_an_end(line: bytes) -> None:
    reception = greeted()
    assert isinstance(reception.hear(line), Ended)
    assert codes(reception.say()) == [500]


def test_who_speaks_before_the_greeting_is_not_listened_to() -> None:
    reception = Reception(OPEN)
    assert isinstance(reception.hear(b"EHLO early.test\r\n"), Ended)
    assert codes(reception.say()) == [554]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nHost: relay.test\r\n\r\nEHLO x\r\n",
        b"CONNECT relay.test:25 HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_smtp_ends_at_its_first_word(request_: bytes) -> None:
    reception = Reception(OPEN)
    reception.greet()
    reception.say()
    body = b"\r\nEHLO x\r\n" + ENVELOPE + b"DATA\r\nsmuggled\r\n.\r\n"
    event = reception.hear(request_ + body)
    assert isinstance(event, Ended)
    assert codes(reception.say()) == [554]
