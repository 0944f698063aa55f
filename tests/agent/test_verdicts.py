"""Authentication-Results, as real servers write them and as liars do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.headers import headers_from, read_headers
from agent.probes.verdicts import METHODS, read_return_path, read_verdicts

GMAIL = (
    "mx.google.com; dkim=pass header.i=@example.com header.s=s1 header.b=abc; "
    "spf=pass (google.com: domain of a@example.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@b.test; "
    "dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com"
)
OUTLOOK = (
    "spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.com; dkim=none (message not signed) header.d=none;"
    "dmarc=fail action=oreject header.from=example.com;compauth=fail reason=000"
)
TABLE = {
    "as Gmail writes it": (GMAIL, {"dkim": "pass", "spf": "pass", "dmarc": "pass"}),
    "as Outlook writes it, without a server's name": (OUTLOOK, {"spf": "fail", "dkim": "none", "dmarc": "fail"}),
    "nothing checked": ("mx.example.org 1; none", {}),
    "with versions": (
        "mx.example.org 1; spf/1=softfail; dkim / 1 = temperror",
        {"spf": "softfail", "dkim": "temperror"},
    ),
    "one good signature of two": ("mx; dkim=fail header.d=a; dkim=pass header.d=b", {"dkim": "pass"}),
    "first word of a method counts": ("mx; spf=fail; spf=pass", {"spf": "fail"}),
    "verdict within a comment": ("mx; (spf=pass) spf=fail", {"spf": "fail"}),
    "nested comments with a semicolon": ("mx (a (b; spf=pass) c); spf=neutral", {"spf": "neutral"}),
    "verdict within a quoted reason": ('mx; spf=fail reason="; spf=pass; \\" dkim=pass"', {"spf": "fail"}),
    "capitals": ("MX; SPF=Pass; DKIM=PASS", {"spf": "pass", "dkim": "pass"}),
    "made-up results": ("mx; spf=excellent; dkim=passed; dmarc=pass-ish", {}),
    "made-up methods": ("mx; spfx=pass; xspf=pass; arc=pass", {}),
    "unclosed comment": ("mx; spf=pass (and so on; dkim=pass", {"spf": "pass"}),
    "empty": ("", {}),
}


@pytest.mark.parametrize(("value", "verdicts"), TABLE.values(), ids=TABLE)
def test_verdicts_are_read(value: str, verdicts: dict[str, str]) -> None:
    assert read_verdicts((("Authentication-Results", value),)) == verdicts


def test_only_the_topmost_header_is_believed() -> None:
    headers = (
        ("Authentication-Results", "mx.example.org; spf=fail"),
        ("Authentication-Results", "mx.example.org; spf=pass; dkim=pass; dmarc=pass"),
    )
    assert read_verdicts(headers) == {"spf": "fail"}


def test_a_configured_server_is_believed_wherever_its_headers_stand() -> None:
    headers = (
        ("Authentication-Results", "other.example; spf=fail"),
        ("authentication-results", "MX.example.org; dkim=pass"),
        ("Authentication-Results", "mx.example.org 1; spf=pass"),
    )
    assert read_verdicts(headers, "mx.example.org") == {"dkim": "pass", "spf": "pass"}


def test_a_configured_server_that_says_nothing_leaves_no_verdict() -> None:
    assert read_verdicts((("Authentication-Results", "spf=pass; dkim=pass"),), "mx.example.org") == {}


@given(st.text(alphabet=st.sampled_from('abspfdkim=;()"\\/1 \t.pass\x00é')), st.sampled_from([None, "mx"]))
def test_no_text_raises_and_only_known_methods_come_out(value: str, authserv_id: str | None) -> None:
    assert set(read_verdicts((("Authentication-Results", value),), authserv_id)) <= set(METHODS)


@given(st.binary(max_size=2000))
def test_no_bytes_raise(content: bytes) -> None:
    headers = read_headers(content)
    read_verdicts(headers)
    read_return_path(headers)


def test_headers_are_unfolded_and_end_at_the_first_empty_line() -> None:
    content = b"Subject: one\r\n two\r\n\tthree\r\nReturn-Path: <a@example.com>\r\n\r\nSubject: in the text\r\n"
    headers = read_headers(content)
    assert headers == (("Subject", "one two three"), ("Return-Path", "<a@example.com>"))
    assert read_return_path(headers) == "a@example.com"


def test_a_workflow_tools_headers_lose_their_repeated_names() -> None:
    told = {"subject": "Subject: hello: you", "authentication-results": "mx; spf=pass\nmx; dkim=fail", "x": "a:b"}
    assert headers_from(told) == (
        ("subject", "hello: you"),
        ("authentication-results", "mx; spf=pass"),
        ("authentication-results", "mx; dkim=fail"),
        ("x", "a:b"),
    )


@given(st.dictionaries(st.text(), st.text()))
def test_no_mapping_of_headers_raises(told: dict[str, str]) -> None:
    read_verdicts(headers_from(told))
