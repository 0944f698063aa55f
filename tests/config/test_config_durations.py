"""Spans of time as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("15s", timedelta(seconds=15)),
        ("5m", timedelta(minutes=5)),
        ("300ms", timedelta(milliseconds=300)),
        ("1h", timedelta(hours=1)),
        ("1h30m", timedelta(minutes=90)),
        ("90m", timedelta(minutes=90)),
        ("1m500ms", timedelta(seconds=60.5)),
        ("0s", timedelta()),
    ],
)
def test_a_span_is_read_as_it_is_said(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


WRONG = ["", "5", "5 s", "-5s", "+5s", "5S", "1.5h", "30m1h", "5s5s", "s", "1d", "\N{ARABIC-INDIC DIGIT FIVE}s", "5s\n"]


@pytest.mark.parametrize("text", [*WRONG, 5, 5.0, None, True, ["5s"]])
def test_anything_else_is_refused_with_the_cure(text: object) -> None:
    with pytest.raises(ValueError, match='with its unit, such as "300ms"'):
        parse_duration(text)


def test_a_span_beyond_reason_is_refused_rather_than_overflowing() -> None:
    with pytest.raises(ValueError, match="more than 7 digits"):
        parse_duration("99999999999999999999h")


@given(st.integers(min_value=0, max_value=10**10).map(lambda count: timedelta(milliseconds=count)))
def test_every_span_reads_back_as_it_was_written(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span
