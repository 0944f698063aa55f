"""Whatever a client sends, and however its bytes are cut, the server comes to the same: examples by the thousand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mailover.smtp.server import Arrived, Login, Logins, Reception, Terms, only_crlf, said

TERMS = Terms(
    hostname="relay.test",
    largest=300,
    recipients=3,
    tls_offered=True,
    logins=Logins.OPTIONAL,
    clear_logins=True,
    errors=5,
    commands=30,
)
WORDS = (
    b"EHLO app.test\r\n",
    b"MAIL FROM:<a@example.com>\r\n",
    b"MAIL FROM:<> SIZE=20 BODY=8BITMIME\r\n",
    b"RCPT TO:<b@example.org>\r\n",
    b"RCPT TO:<c@example.org>\r\n",
    b"DATA\r\n",
    b"hello\r\n",
    b"..dots\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r",
    b"\n",
    b".",
    b"\r\n",
    b"x" * 90 + b"\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH LOGIN\r\n",
    b"YQ==\r\n",
    b"QUIT\r\n",
    b"NONSENSE\r\n",
    b"\0\xff\r\n",
)
TAKEN = said.Said(250, "2.0.0", "Taken")

dialogues = st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=40).map(b"".join)
transactions = st.lists(st.sampled_from(WORDS[6:16]) | st.binary(max_size=8), max_size=30).map(
    lambda lines: WORDS[0] + WORDS[1] + WORDS[3] + WORDS[5] + b"".join(lines) + b"\r\n.\r\nNOOP\r\n"
)


def came_to(pieces: list[bytes]) -> tuple[bytes, list[object]]:
    """Everything that is said, and everything that happens."""
    reception = Reception(TERMS)
    reception.greet()
    heard = reception.say()
    events: list[object] = []
    for piece in pieces:
        event = reception.hear(piece)
        heard += reception.say()
        while event is not None:
            events.append(event)
            event = reception.answer(said.LOGIN_REFUSED if isinstance(event, Login) else TAKEN)
            heard += reception.say()
    return heard, events


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


@settings(max_examples=300, deadline=None)
@given(data=dialogues | transactions, places=st.lists(st.integers(min_value=0, max_value=5000), max_size=30))
def test_any_way_of_cutting_comes_to_the_same(data: bytes, places: list[int]) -> None:
    assert came_to(cut(data, places)) == came_to([data])


@settings(max_examples=100, deadline=None)
@given(data=dialogues | transactions)
def test_byte_by_byte_comes_to_the_same(data: bytes) -> None:
    assert came_to([data[n : n + 1] for n in range(len(data))]) == came_to([data])


@settings(max_examples=300, deadline=None)
@given(data=transactions)
def test_what_arrives_can_be_passed_on_without_becoming_two(data: bytes) -> None:
    for event in came_to([data])[1]:
        if isinstance(event, Arrived):
            assert only_crlf(event.content)
            assert len(event.content) <= TERMS.largest


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_answered_in_smtp(data: bytes) -> None:
    for line in came_to([data])[0].splitlines(keepends=True):
        assert line[:3].isdigit()
        assert line.endswith(b"\r\n")


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.binary(max_size=20).filter(lambda line: b"\r" not in line and b"\n" not in line), max_size=8))
def test_a_message_arrives_as_it_was_meant(lines: list[bytes]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    data = WORDS[0] + WORDS[1] + WORDS[3] + WORDS[5] + stuffed + b".\r\n"
    arrived = [event.content for event in came_to([data])[1] if isinstance(event, Arrived)]
    assert arrived == ([message] if len(message) <= TERMS.largest else [])
