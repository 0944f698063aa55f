"""The header of a message as the relay leaves it: what is added, what is taken out, and that the rest stays."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.relay.headers import completed, read_header, trace

AT = datetime(2026, 11, 28, 10, 0, 0, 500, tzinfo=UTC)
TRACE = "Received: by relay.test (mailover) with ESMTP id msg_1;\r\n\tSat, 28 Nov 2026 10:00:00 +0000"


def left(content: bytes) -> bytes:
    """The message as it leaves, without the trace."""
    done = completed(content, read_header(content), trace="Received: here", message_id="<new@relay.test>", date=AT)
    assert done.startswith(b"Received: here\r\n")
    return done.removeprefix(b"Received: here\r\n")


def test_a_complete_header_stays_as_it_is() -> None:
    message = (
        b"Message-ID: <1@app>\r\nDate: Sat, 28 Nov 2026 09:00:00 +0000\r\nX-A:  odd\r\n\tfolded\r\n\r\nbcc: body\r\n"
    )
    assert left(message) == message


def test_what_is_lacking_is_added() -> None:
    added = b"Message-ID: <new@relay.test>\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n"
    assert left(b"Subject: a\r\n\r\nb\r\n") == added + b"Subject: a\r\n\r\nb\r\n"
    assert left(b"Subject: a\r\n") == added + b"Subject: a\r\n"
    assert left(b"") == added + b"\r\n"
    assert left(b"just text\r\n") == added + b"\r\njust text\r\n"
    assert left(b"\r\njust text\r\n\r\nmore\r\n") == added + b"\r\njust text\r\n\r\nmore\r\n"


@pytest.mark.parametrize(
    "field", [b"Bcc: c@example.org", b"bcc : c@example.org,\r\n d@example.org", b"Return-Path: <a@b>"]
)
def test_who_else_got_it_is_taken_out_and_so_is_a_return_path(field: bytes) -> None:
    rest = b"Message-ID: <1@app>\r\nDate: today\r\nTo: b@example.org\r\n"
    body = b"\r\nBcc: this is text\r\n"
    assert left(field + b"\r\n" + rest + b"Resent-Bcc: x@y\r\n" + body) == rest + body
    assert left(rest + field + b"\r\n" + body) == rest + body


def test_a_last_line_without_an_end_is_a_line_too() -> None:
    """As a message has it that came by HTTP."""
    rest = b"Message-ID: <1@app>\r\nDate: today\r\n"
    assert left(rest + b"Bcc: c@example.org,\r\n d@example.org") == rest
    assert read_header(b"Subject: x\r\nMessage-ID: <1@app>").message_id == "<1@app>"


def test_names_that_only_look_alike_stay() -> None:
    message = b"Message-ID: <1@app>\r\nDate: today\r\nX-Bcc: a\r\nBccs: b\r\nSubject: hello\r\n Bcc: folded\r\n\r\n"
    assert left(message) == message


def test_the_header_tells_hops_and_name() -> None:
    header = read_header(
        b"Received: a\r\n b\r\nreceived : c\r\nMessage-Id:\r\n <1@app> \r\nDATE: x\r\n\r\nReceived: body\r\n"
    )
    assert (header.received, header.message_id, header.dated) == (2, "<1@app>", True)


@pytest.mark.parametrize("value", [b"", b" \t", b"<" + 2000 * b"x" + b"@app>", b"\0"])
def test_a_name_that_is_unfit_for_use_is_left_alone(value: bytes) -> None:
    message = b"Message-ID:" + value + b"\r\nDate: x\r\n\r\n"
    assert left(message) == message
    assert read_header(message).message_id == ""


def test_the_trace_takes_no_odd_name_from_a_client() -> None:
    told = trace(hostname="relay.test", client="10.0.0.7", hello="a);(b", protocol="SMTP", mail_id="1", date=AT)
    assert told.startswith("Received: from unknown ([10.0.0.7])")


def test_the_trace_tells_no_more_of_the_client_than_is_asked_for() -> None:
    told = trace(hostname="relay.test", client="", hello="app.internal", protocol="ESMTP", mail_id="msg_1", date=AT)
    assert told == TRACE
    told = trace(hostname="relay.test", client="10.0.0.7", hello="app.internal", protocol="ESMTP", mail_id="1", date=AT)
    assert told.startswith(
        "Received: from app.internal ([10.0.0.7])\r\n\tby relay.test (mailover) with ESMTP id 1;\r\n\t"
    )


fields = st.sampled_from(
    [b"Bcc: x\r\n", b"Subject: y\r\n", b" folded\r\n", b"Received: z\r\n", b"text\r\n", b"\r\n", b":\r\n"]
)


@given(st.lists(fields, max_size=12).map(b"".join))
def test_the_body_is_never_touched(message: bytes) -> None:
    body = message[read_header(message).end :]
    assert left(message).endswith(body)
    assert len(left(message)) - len(body) < 3000
