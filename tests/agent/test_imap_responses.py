"""IMAP responses out of bytes, however they are cut, and within limits."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.imap_responses import LINE_LIMIT, LITERAL_LIMIT, ImapProtocolError, Response, ResponseReader

DIALOGUE = (
    b"* OK [CAPABILITY IMAP4rev1] ready {5}\r\n"
    b"* SEARCH 3 5\r\n"
    b"* 1 FETCH (UID 3 BODY[HEADER] {13}\r\nA: b\r\nC: {9}\x00 FLAGS (\\Seen))\r\n"
    b"+ \r\n"
    b"m1 NO [OVERQUOTA] full\n"
)


def read_all(*pieces: bytes) -> list[Response]:
    reader, found = ResponseReader(), []
    for piece in pieces:
        reader.feed(piece)
        while (response := reader.next()) is not None:
            found.append(response)
    return found


def test_lines_literals_and_codes_are_told_apart() -> None:
    greeting, search, fetch, plus, refusal = read_all(DIALOGUE)
    assert (greeting.word, greeting.code) == ("OK", ("CAPABILITY", "IMAP4rev1"))
    assert search.text == "SEARCH 3 5"
    assert fetch.literals == (b"A: b\r\nC: {9}\x00",)
    assert fetch.text.startswith("1 FETCH (UID 3 ")
    assert (plus.tag, plus.text) == ("+", "")
    assert (refusal.tag, refusal.word, refusal.code) == ("m1", "NO", ("OVERQUOTA", ""))


@given(st.lists(st.integers(min_value=0, max_value=len(DIALOGUE)), max_size=20))
def test_it_does_not_matter_how_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DIALOGUE)]
    pieces = [DIALOGUE[start:end] for start, end in itertools.pairwise(edges)]
    assert read_all(*pieces) == read_all(DIALOGUE)


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH (BODY[HEADER] {2000000000}\r\n",
        b"* 1 FETCH (BODY[HEADER] {1000000000000000}\r\n",
        b"* 1 FETCH (A {200000}\r\n" + b"a" * 200_000 + b" B {200000}\r\n",
        b"* 1 FETCH (" + b"A {0}\r\n" * 20,
        b"* " + b"x" * (LINE_LIMIT + 1),
        b"* " + b"x" * (LINE_LIMIT + 1) + b"\r\n",
        b"\r\n",
        "\u00e9 OK\r\n".encode(),
    ],
)
def test_what_is_too_much_or_no_imap_is_refused(data: bytes) -> None:
    with pytest.raises(ImapProtocolError):
        read_all(data)


def test_a_literal_at_the_limit_is_taken() -> None:
    (fetch,) = read_all(b"* 1 FETCH (BODY[HEADER] {%d}\r\n" % LITERAL_LIMIT, b"a" * LITERAL_LIMIT, b")\r\n")
    assert len(fetch.literals[0]) == LITERAL_LIMIT


@given(st.binary(max_size=500))
def test_any_bytes_are_responses_or_a_protocol_error(data: bytes) -> None:
    try:
        for response in read_all(data):
            _ = response.word, response.code
    except ImapProtocolError:
        pass
