"""Findings: records as a zone file writes them, safe to show; and the lists of tags that several records share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_checks.answers import MX, TXT, Absent, Found, Mx, Soa, Srv, Tlsa, Trouble, Unknown
from dns_checks.findings import Check, Finding, Seen, printable, seen_in, worst, written
from dns_checks.tags import read_tags
from mailover.core.events import Severity


def finding(severity: Severity | None) -> Finding:
    return Finding(domain="example.com", check=Check.MX, verdict="good", severity=severity, because="it is")


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Mx(preference=10, host="mx.example.com"), "10 mx.example.com"),
        (Mx(preference=0, host=""), "0 ."),
        (Srv(priority=1, weight=2, port=25, host=""), "1 2 25 ."),
        (Tlsa(usage=3, selector=1, matching=1, data="ab"), "3 1 1 ab"),
        (Soa(primary="a", contact="b", serial=1, refresh=2, retry=3, expire=4, minimum=5), "a b 1 2 3 4 5"),
        ("v=spf1 -all", "v=spf1 -all"),
    ],
)
def test_a_record_is_written_as_in_a_zone_file(record: object, text: str) -> None:
    assert written(record) == text


def test_what_was_seen_begins_with_the_aliases() -> None:
    answer = Found(records=("text",), ttl=60, aliases=("b.example", "c.example"))
    assert seen_in("a.example", TXT, answer) == (
        Seen(name="a.example", kind="CNAME", value="b.example"),
        Seen(name="b.example", kind="CNAME", value="c.example"),
        Seen(name="c.example", kind="TXT", value="text"),
    )
    assert [seen.value for seen in seen_in("a.example", MX, Absent(exists=False, aliases=("b.example",)))] == [
        "b.example"
    ]
    assert seen_in("a.example", MX, Unknown(trouble=Trouble.SILENT, because="")) == ()


@given(st.text())
def test_what_is_shown_moves_no_cursor(text: str) -> None:
    assert all(char.isprintable() for char in printable(text, 100))
    assert len(printable(text, 100)) <= 100


def test_the_worst_finding_counts() -> None:
    assert worst([]) is None
    assert worst([finding(None)]) is None
    assert worst(map(finding, [None, Severity.CRITICAL, Severity.INFO])) is Severity.CRITICAL
    assert [finding(each).good for each in (None, *Severity)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "values", "problems"),
    [
        ("a=1; b = 2 ;", {"a": "1", "b": "2"}, 0),
        ("a=x=y", {"a": "x=y"}, 0),
        ("a=", {"a": ""}, 0),
        ("", {}, 0),
        ("a=1;;b=2", {"a": "1", "b": "2"}, 1),
        ("a=1; a=2", {"a": "1"}, 1),
        ("just words", {}, 1),
        ("1a=2", {}, 1),
        ("a=\xe9", {"a": "\xe9"}, 1),
    ],
)
def test_tags_are_read_with_what_is_wrong_in_them(text: str, values: dict[str, str], problems: int) -> None:
    tags = read_tags(text)
    assert dict(tags.values) == values
    assert len(tags.problems) == problems


@given(st.text())
def test_any_text_is_read_as_tags(text: str) -> None:
    read_tags(text)
