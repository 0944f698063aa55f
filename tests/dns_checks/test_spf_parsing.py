"""Reading SPF records: what the public suite does not say, and that no text at all can do harm."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_checks.spf.macros import read_domain, read_explanation
from dns_checks.spf.parsing import is_spf, parse
from dns_checks.spf.permerror import PermError
from dns_checks.spf.record import Record, Verdict

TERMS = ["all", "a", "mx", "ptr", "ip4:", "ip6:", "include:", "exists:", "redirect=", "exp="]
VALUES = ["example.com", "192.0.2.1", "2001:db8::", "/24", "//64", "/0"]
MACROS = ["%{d}", "%{ir}", "%{l2r-}", "%{D0}", "%%", "%_"]
PIECES = st.sampled_from([*"+-~?:/=.%{}_ \t\n\0\x80", *TERMS, *VALUES, *MACROS])


@given(st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join)))
@settings(max_examples=600, deadline=None)
def test_any_text_is_a_record_or_a_permanent_error(text: str) -> None:
    for record in (text, f"v=spf1 {text}"):
        with contextlib.suppress(PermError):
            assert isinstance(parse(record), Record)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)), st.text(max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_domain_and_any_explanation_can_be_expanded(text: str, value: str) -> None:
    values = dict.fromkeys("slodiphvcrt", value)
    with contextlib.suppress(PermError):
        assert isinstance(read_explanation(text).expand(values), str)
    with contextlib.suppress(PermError):
        assert len(read_domain(text).expand_name(values)) <= 253


@pytest.mark.parametrize("piece", ["a:", "a/", "%{d}", "%", "-", "a.", "x=", "ip6::", "=", "/1", "a:b.c/"])
def test_long_texts_are_read_in_time_that_grows_with_their_length_only(piece: str) -> None:
    began = time.monotonic()
    for text in (piece * (60_000 // len(piece)), f"a:{piece * (60_000 // len(piece))}"):
        with contextlib.suppress(PermError):
            parse(f"v=spf1 {text}")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=spf1", True),
        ("V=SPF1 -all", True),
        ("v=spf1\t-all", False),
        ("v=spf1\n", False),
        ("v=spf10", False),
        (" v=spf1", False),
        ("v=spf1-all", False),
    ],
)
def test_a_record_begins_with_its_version_and_a_blank(text: str, *, record: bool) -> None:
    assert is_spf(text) is record


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("ip4:192.0.2.1/33", "at most 32 bits"),
        ("ip4:192.0.2.01", "no address or range"),
        ("ip4:192.0.2.1/024", "no address or range"),
        ("ip6:fe80::1%eth0", "no address or range"),
        ("ip6:2001:db8::/129", "at most 128 bits"),
        ("a:example.com/33", "at most 32 bits"),
        ("a:example.com//129", "at most 128 bits"),
        ("a:example.com/024", "top-level domain"),
        ("include", "a colon and a domain"),
        ("include:", "a domain is missing"),
        ("include:localhost", "top-level domain"),
        ("include:example.com:25", "top-level domain"),
        ("exists:%{d0}.example.com", "keeps no part"),
        ("exists:%{x}.example.com", "no macro x"),
        ("exists:%d.example.com", "begins no macro"),
        ("exists:%{c}.example.com", "for explanations only"),
        ("exp=%{t}.example.com", "for explanations only"),
        ("a:ex\u00e4mple.com", "not allowed"),
        ("redirect=a.example redirect=b.example", "twice"),
        ("al", "no mechanism"),
        ("all:", "no mechanism"),
        ("all=x -all.", "no mechanism"),
        ("++all", "no mechanism"),
        ("ptr/24", "a colon and a domain"),
        ("moo=%", "begins no macro"),
    ],
)
def test_a_mistake_is_named(term: str, why: str) -> None:
    with pytest.raises(PermError, match=why):
        parse(f"v=spf1 {term}")


def test_a_mistake_is_told_in_few_words_however_long_the_record() -> None:
    with pytest.raises(PermError) as caught:
        parse(f"v=spf1 {'x' * 60_000}")
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    "term",
    [
        "INCLUDE:_spf.example.com.",
        "a:foo:bar/baz.example.com/24//64",
        "mx/24//64",
        "exists:%{ir}.%{v}._spf.%{d2}",
        "exists:%{L10R+-.,/_=}",
        "exists:%{d}%%",
        "a:example.xn--p1ai",
        "a:1.2-3",
        "moo.cow-2_x=",
        "-all   ",
    ],
)
def test_what_the_grammar_allows_is_read(term: str) -> None:
    assert parse(f"v=spf1 {term}")


def test_terms_keep_their_order_their_qualifier_and_their_text() -> None:
    record = parse("v=spf1 ip4:192.0.2.0/24 ~include:a.example ?MX  -all redirect=b.example exp=c.example")
    assert [(each.text, each.verdict) for each in record.directives] == [
        ("ip4:192.0.2.0/24", Verdict.PASS),
        ("~include:a.example", Verdict.SOFTFAIL),
        ("?MX", Verdict.NEUTRAL),
        ("-all", Verdict.FAIL),
    ]
    assert [each.asks for each in record.directives] == [False, True, True, False]
    assert record.redirect is not None
    assert record.redirect.text == "b.example"
    assert record.explanation is not None
    assert record.explanation.text == "c.example"
