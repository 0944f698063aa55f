"""The dialogue without a wire: replies are read strictly and within bounds, and nobody speaks out of turn."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.smtp.capabilities import read_capabilities
from mailover.smtp.commands import AddressError, Command, Verb, body, command, mail_from, rcpt_to
from mailover.smtp.protocol import Answer, Dialogue, Meaning, OutOfTurnError, State
from mailover.smtp.replies import LINE_LIMIT, LINES_LIMIT, ProtocolError, Reply, ReplyReader, printable

EHLO = command(Verb.EHLO, "me")
MAIL = mail_from("a@example.com")
RCPT = rcpt_to("b@example.com")
DATA = command(Verb.DATA)
DOT = Command(verb=Verb.END_DATA, wire=b".\r\n")


def read(data: bytes) -> list[Reply]:
    reader = ReplyReader()
    reader.feed(data)
    return list(iter(reader.next_reply, None))


def dialogue(*turns: tuple[Command | None, bytes]) -> Dialogue:
    """A dialogue after these commands and their replies."""
    talk = Dialogue()
    for said, heard in turns:
        if said is not None:
            talk.say([said])
        answers(talk, heard)
    return talk


def answers(talk: Dialogue, data: bytes) -> list[Answer]:
    talk.hear(data)
    return list(iter(talk.next_answer, None))


GREETED = (None, b"220 hi\r\n")
READY = (GREETED, (EHLO, b"250 me\r\n"))


def test_a_reply_of_several_lines_is_one_reply() -> None:
    (reply,) = read(b"250-first\r\n250-\r\n250 last\r\n")
    assert (reply.code, reply.lines) == (250, ("first", "", "last"))


def test_a_code_alone_and_bare_line_feeds_are_replies() -> None:
    assert [reply.code for reply in read(b"250\n220-a\n220 b\r\n")] == [250, 220]


def test_an_enhanced_code_is_read_from_the_first_line_and_said_once_in_the_text() -> None:
    (reply,) = read(b"535-5.7.8 not accepted,\r\n535 5.7.8 go away\r\n")
    assert reply.enhanced == "5.7.8"
    assert reply.text == "5.7.8 not accepted, go away"


@pytest.mark.parametrize("text", ["4.7.8 x", "5.7 x", "5.7.8x", "x 5.7.8", "5.7.1234 x", ""])
def test_what_only_looks_like_an_enhanced_code_is_none(text: str) -> None:
    assert Reply(code=535, lines=(text,)).enhanced is None


@pytest.mark.parametrize(
    "line",
    [b"2_2 x", b"+25 x", b" 25 x", b"2500 x", b"250ok", b"999 x", b"199 x", b"25", b"25O x", b"", b"\xef\xbc\x92"],
)
def test_what_is_not_a_code_is_no_smtp(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an SMTP reply"):
        read(line + b"\r\n")


@pytest.mark.parametrize("beginning", [b"\0", b"SSH", b"HTTP/1.1 200", b"2x", b"25_", b"220_"])
def test_another_protocol_is_known_before_its_first_line_is_complete(beginning: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an SMTP reply"):
        read(beginning)


def test_one_reply_has_one_code() -> None:
    with pytest.raises(ProtocolError, match="two codes, 250 and 550"):
        read(b"250-a\r\n550 b\r\n")


def test_lines_and_replies_have_bounds() -> None:
    assert read(b"250 " + b"x" * (LINE_LIMIT - 4) + b"\r\n")
    for too_much in (b"250 " + b"x" * LINE_LIMIT, b"250-x\r\n" * (LINES_LIMIT + 1), b"250-" + b"x" * 2000 + b"\r\n"):
        with pytest.raises(ProtocolError, match="more than"):
            read(too_much * 20 if len(too_much) == 2006 else too_much)


@given(st.binary(max_size=400))
def test_any_bytes_are_replies_or_a_protocol_error(data: bytes) -> None:
    reader = ReplyReader()
    try:
        for byte in data:
            reader.feed(bytes([byte]))
            while (reply := reader.next_reply()) is not None:
                assert 200 <= reply.code <= 599
                assert printable(reply.text).isprintable() or reply.text == ""
    except ProtocolError:
        return


@given(st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=20))
def test_how_bytes_are_cut_changes_nothing(sizes: list[int]) -> None:
    data = b"250-one\r\n250 two\r\n554 5.7.1 three\r\n" * 3
    reader, position, found = ReplyReader(), 0, []
    for size in itertools.chain(sizes, itertools.repeat(len(data))):
        if position >= len(data):
            break
        reader.feed(data[position : position + size])
        position += size
        found += iter(reader.next_reply, None)
    assert found == read(data)


@given(st.text(max_size=2000))
def test_shown_text_is_printable_and_short(text: str) -> None:
    shown = printable(text)
    assert len(shown) <= 300
    assert shown.isprintable()


def test_terminal_escapes_are_taken_out() -> None:
    assert printable("\x1b[31mred\x07\r\n\u202eevil\0") == "?[31mred????evil?"


def test_data_before_it_is_asked_for_is_unsolicited() -> None:
    with pytest.raises(ProtocolError, match="unsolicited"):
        dialogue((None, b"220 hi\r\n250 me\r\n"))


def test_a_reply_that_came_before_its_command_is_unsolicited() -> None:
    talk = dialogue(*READY)
    talk.hear(b"250 ok\r\n")
    with pytest.raises(ProtocolError, match="unsolicited"):
        talk.say([MAIL])


def test_data_behind_the_reply_to_starttls_is_an_injection() -> None:
    with pytest.raises(ProtocolError, match="injected"):
        dialogue(*READY, (command(Verb.STARTTLS), b"220 go\r\n250 x\r\n"))


def test_after_tls_everything_starts_again() -> None:
    talk = dialogue(*READY, (command(Verb.STARTTLS), b"220 go\r\n"))
    talk.secured()
    assert talk.state is State.GREETED


def test_a_goodbye_may_come_at_any_time_and_closes() -> None:
    for turns in (READY, (*READY, (MAIL, b"250 ok\r\n"))):
        talk = dialogue(*turns)
        (goodbye,) = answers(talk, b"421 4.3.2 closing\r\n")
        assert goodbye.verb is None
        assert talk.state is State.CLOSED


def test_half_a_goodbye_is_waited_for() -> None:
    talk = dialogue(*READY)
    assert answers(talk, b"42") == []
    assert [goodbye.reply.code for goodbye in answers(talk, b"1 bye\r\n")] == [421]


def test_a_message_may_be_refused_before_it_is_complete() -> None:
    talk = dialogue(*READY, (MAIL, b"250 ok\r\n"), (RCPT, b"250 ok\r\n"), (DATA, b"354 go\r\n"))
    (refusal,) = answers(talk, b"552 too big\r\n")
    assert (refusal.verb, refusal.meaning) == (None, Meaning.NO)


def test_a_group_of_commands_is_answered_in_order() -> None:
    talk = dialogue(*READY)
    assert talk.say([MAIL, RCPT, RCPT, DATA]).count(b"\r\n") == 4
    told = answers(talk, b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n")
    assert [answer.verb for answer in told] == [Verb.MAIL, Verb.RCPT, Verb.RCPT, Verb.DATA]
    assert talk.state is State.BODY


def test_a_body_wanted_for_a_refused_sender_is_no_smtp() -> None:
    talk = dialogue(*READY)
    talk.say([MAIL, RCPT, DATA])
    with pytest.raises(ProtocolError, match="makes no sense"):
        answers(talk, b"550 no\r\n503 no\r\n354 go\r\n")


@pytest.mark.parametrize("said", [RCPT, DATA, DOT, EHLO])
def test_a_command_out_of_turn_is_our_own_mistake(said: Command) -> None:
    with pytest.raises(OutOfTurnError):
        dialogue(*READY).say([said])


@pytest.mark.parametrize(("said", "reply"), [(MAIL, b"354 go"), (MAIL, b"220 x"), (command(Verb.AUTH, "X"), b"250 x")])
def test_a_code_that_answers_nothing_is_no_smtp(said: Command, reply: bytes) -> None:
    with pytest.raises(ProtocolError, match="is no answer to"):
        dialogue(*READY, (said, reply + b"\r\n"))


def test_a_command_hides_what_it_says() -> None:
    assert "hidden" not in repr(command(Verb.AUTH, "PLAIN hidden"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b>",
        "a@b\r\nRCPT TO:<c@d>",
        "a b@c",
        "a@b c",
        "<a@b>",
        "a@b\0",
        "a\u0085@b\n",
        "a@b> SIZE=1",
    ],
)
def test_an_address_that_could_smuggle_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        rcpt_to(address)


@given(st.text(max_size=60))
def test_no_address_makes_a_second_command(address: str) -> None:
    try:
        wire = rcpt_to(address, utf8=True).wire
    except AddressError:
        return
    assert wire.startswith(b"RCPT TO:<")
    assert wire.endswith(b">\r\n")
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b">") == 1


@pytest.mark.parametrize(
    "address", ["a+b@example.com", '"a b"@example.com', "a@[192.0.2.1]", "o'b!#$%&*/=?^_`{|}~@x.org"]
)
def test_unusual_addresses_are_sent_as_they_are(address: str) -> None:
    assert rcpt_to(address).wire == f"RCPT TO:<{address}>\r\n".encode()


def test_a_domain_in_utf_8_becomes_ascii_and_a_local_part_needs_smtputf8() -> None:
    assert rcpt_to("a@bücher.example").wire == b"RCPT TO:<a@xn--bcher-kva.example>\r\n"
    assert rcpt_to("ä@example.com", utf8=True).wire == "RCPT TO:<ä@example.com>\r\n".encode()
    with pytest.raises(AddressError, match="SMTPUTF8"):
        rcpt_to("ä@example.com")


def test_mail_carries_the_parameters_and_may_have_no_sender() -> None:
    assert mail_from("", size=10, eight_bit=True, utf8=True).wire == b"MAIL FROM:<> SIZE=10 BODY=8BITMIME SMTPUTF8\r\n"


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"", b""),
        (b"a", b"a\r\n"),
        (b"a\nb\rc\r\nd\r\n", b"a\r\nb\r\nc\r\nd\r\n"),
        (b".", b"..\r\n"),
        (b".a\r\n.\r\n..b", b"..a\r\n..\r\n...b\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n"),
    ],
)
def test_a_body_has_crlf_and_doubled_dots(message: bytes, wire: bytes) -> None:
    assert body(message) == wire


@given(st.binary(max_size=300))
def test_no_body_contains_the_end_of_itself(message: bytes) -> None:
    assert b"\r\n.\r\n" not in b"\r\n" + body(message)


def test_capabilities_are_read_from_both_forms_of_auth() -> None:
    found = read_capabilities(
        ["hi", "auth LOGIN plain", "AUTH=LOGIN XOAUTH2", "SIZE 35882577", "pipelining", "8BITMIME"]
    )
    assert found.mechanisms == ("LOGIN", "PLAIN", "XOAUTH2")
    assert found.size == 35882577
    assert found.pipelining
    assert found.eight_bit
    assert not found.starttls
    assert not found.utf8
    assert not found.enhanced_codes


@pytest.mark.parametrize("size", ["10", "1e30", "-5", "9" * 30, "1_000_000", "٣٠٠٠٠", "lots"])
def test_an_absurd_size_is_ignored_with_a_note(size: str) -> None:
    found = read_capabilities(["hi", f"SIZE {size}"])
    assert found.size is None
    assert found.notes


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0"])
def test_no_fixed_size_is_no_oddity(size: str) -> None:
    found = read_capabilities(["hi", size])
    assert (found.size, found.notes) == (None, ())
