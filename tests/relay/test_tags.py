"""What an application says to the relay in a message's header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.relay.tags import Tags, read_tags

PLAIN = b"From: a@example.com\r\nSubject: x\r\n\r\nX-Mailover-Region: eu\r\n"


def test_a_message_that_says_nothing_goes_on_as_it_is() -> None:
    told = read_tags(PLAIN)
    assert told.content is PLAIN
    assert (told.region, told.key) == ("", "")


def test_both_fields_are_read_and_taken_out() -> None:
    content = (
        b"x-mailover-region : EU\r\nFrom: a@example.com\r\nX-Mailover-Key:\r\n customer 7\r\nSubject: x\r\n\r\ntext\r\n"
    )
    assert read_tags(content) == Tags(
        content=b"From: a@example.com\r\nSubject: x\r\n\r\ntext\r\n", region="eu", key="customer 7"
    )


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"X-Mailover-Key: a\r\n\r\nbody", b"\r\nbody"),
        (b"X-Mailover-Key: a\r\n\r\n", b"\r\n"),
        (b"X-Mailover-Key: a", b""),
        (b"Subject: x\r\nX-Mailover-Key: a\r\n\r\nbody", b"Subject: x\r\n\r\nbody"),
    ],
)
def test_wherever_it_stands_the_rest_stays_whole(content: bytes, left: bytes) -> None:
    assert read_tags(content) == Tags(content=left, key="a")


def test_the_first_of_two_counts_and_both_go() -> None:
    assert read_tags(b"X-Mailover-Region: eu\r\nX-Mailover-Region: us\r\n\r\n") == Tags(content=b"\r\n", region="eu")


def test_it_is_never_long_and_always_text() -> None:
    told = read_tags(b"X-Mailover-Key: " + b"\xff" * 5000 + b"\r\n\r\n")
    assert 0 < len(told.key) <= 200


@given(body=st.binary(max_size=100), name=st.text(max_size=5), value=st.text(max_size=30))
def test_the_body_is_never_touched(body: bytes, name: str, value: str) -> None:
    content = f"X-{name}: {value}".encode("utf-8", "replace") + b"\r\nX-Mailover-Region: eu\r\n\r\n" + body
    assert read_tags(content).content.endswith(b"\r\n\r\n" + body)
