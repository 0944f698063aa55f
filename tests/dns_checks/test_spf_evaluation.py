"""`check_host` where the public suite is silent: limits, what is unknown, words for people, and time."""

import asyncio
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from fake_lookup import FakeLookup
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_checks.answers import Absent, Answer, Kind, Mx, R, Trouble, Unknown
from dns_checks.spf.evaluation import MOST_LOOKUPS, MOST_VOIDS, Result, check_host
from dns_checks.spf.record import Verdict

MUTE = Unknown(trouble=Trouble.SILENT, because="nobody answers")

Records = Mapping[str, Sequence[Any] | Unknown | Absent]


def checked(records: Records, *, ip: str = "192.0.2.1", sender: str = "a@x.example", **more: Any) -> Result:
    return asyncio.run(check_host(ip, sender, "helo.example", FakeLookup(records), **more))


@pytest.mark.parametrize(
    "term",
    ["include:y.example", "a:y.example", "mx:y.example", "exists:y.example", "redirect=y.example"],
)
def test_what_nobody_answers_is_a_temporary_error(term: str) -> None:
    unanswered = {f"y.example {kind}": MUTE for kind in ("TXT", "A", "MX")}
    result = checked({"x.example TXT": [f"v=spf1 {term}"], **unanswered})
    assert result.result is Verdict.TEMPERROR
    assert "nobody answers" in result.because


def test_an_unanswered_address_of_an_exchanger_is_a_temporary_error() -> None:
    records = {"x.example TXT": ["v=spf1 mx -all"], "x.example MX": [Mx(preference=1, host="m.example")]}
    assert checked({**records, "m.example A": MUTE}).result is Verdict.TEMPERROR


def test_an_unanswered_name_of_the_address_is_no_match() -> None:
    """The name belongs to whoever has the address; its trouble must not excuse a forger."""
    records = {"x.example TXT": ["v=spf1 ptr -all"], "1.2.0.192.in-addr.arpa PTR": MUTE}
    assert checked(records).result is Verdict.FAIL


def test_a_term_before_the_unanswered_one_decides() -> None:
    records = {"x.example TXT": ["v=spf1 ip4:192.0.2.0/24 include:y.example -all"], "y.example TXT": MUTE}
    assert checked(records).result is Verdict.PASS


def test_two_records_are_a_permanent_error_and_other_texts_are_none_of_it() -> None:
    texts = ["v=spf1 -all", "v=spf1 +all"]
    assert checked({"x.example TXT": texts}).result is Verdict.PERMERROR
    assert checked({"x.example TXT": ["v=spf1 -all", *["other"] * 300]}).result is Verdict.FAIL
    assert checked({"x.example TXT": ["other"] * 300}).result is Verdict.NONE


def test_an_include_loop_ends_and_shows_its_path() -> None:
    fake = FakeLookup({"x.example TXT": ["v=spf1 include:y.example"], "y.example TXT": ["v=spf1 include:x.example"]})
    result = asyncio.run(check_host("192.0.2.1", "a@x.example", "h.example", fake))
    assert result.result is Verdict.PERMERROR
    assert result.because.startswith("x.example > y.example > x.example > ")
    assert "eleventh" in result.because
    assert result.lookups == MOST_LOOKUPS
    assert len(fake.asked) == 1 + MOST_LOOKUPS


def test_the_third_lookup_that_finds_nothing_is_too_many() -> None:
    terms = " ".join(f"a:gone{number}.example" for number in range(3))
    result = checked({"x.example TXT": [f"v=spf1 {terms} +all"]})
    assert result.result is Verdict.PERMERROR
    assert "gone2.example" in result.because
    assert checked({"x.example TXT": [f"v=spf1 {terms.rsplit(' ', 1)[0]} +all"]}).result is Verdict.PASS


def test_a_null_exchanger_is_not_asked_for() -> None:
    fake = FakeLookup({"x.example TXT": ["v=spf1 mx -all"], "x.example MX": [Mx(preference=0, host="")]})
    result = asyncio.run(check_host("192.0.2.1", "a@x.example", "h.example", fake))
    assert result.result is Verdict.FAIL
    assert fake.asked == ["x.example TXT", "x.example MX"]


def test_an_address_in_the_clothes_of_ipv6_is_an_ipv4_address() -> None:
    records = {"x.example TXT": ["v=spf1 ip4:192.0.2.1 -all"]}
    assert checked(records, ip="::ffff:192.0.2.1").result is Verdict.PASS


def test_the_trace_tells_each_term_and_where_it_stood() -> None:
    records = {
        "x.example TXT": ["v=spf1 a:h.example include:y.example -all"],
        "y.example TXT": ["v=spf1 ip4:192.0.2.0/24 -all"],
        "h.example A": ["198.51.100.1"],
    }
    result = checked(records)
    assert [(step.depth, step.domain, step.term, step.outcome) for step in result.trace] == [
        (0, "x.example", "a:h.example", "no match"),
        (1, "y.example", "ip4:192.0.2.0/24", "pass"),
        (0, "x.example", "include:y.example", "pass"),
    ]
    assert result.because == "include:y.example in the record of x.example matches 192.0.2.1"
    assert (result.lookups, result.voids) == (2, 0)


def explained(text: str, *, sender: str = "a@x.example") -> str:
    records = {"x.example TXT": ["v=spf1 -all exp=why.example"], "why.example TXT": [text]}
    return checked(records, sender=sender, receiver="mx.receiver.example", now=lambda: 1234.5).explanation


def test_an_explanation_may_name_the_client_the_receiver_and_the_time() -> None:
    assert explained("%{c} refused by %{r} at %{t}") == "192.0.2.1 refused by mx.receiver.example at 1234"


@pytest.mark.parametrize("sender", ["\x1b[2J@x.example", "\u00e4@x.example"])
def test_an_explanation_with_anything_but_printable_ascii_is_dropped(sender: str) -> None:
    assert explained("%{l} may not", sender=sender) == ""


def test_a_sender_in_unicode_is_looked_up_in_ascii() -> None:
    records = {"xn--bcher-kva.example TXT": ["v=spf1 -all"]}
    assert checked(records, sender="a@b\u00fccher.example").result is Verdict.FAIL


def test_an_empty_sender_is_the_postmaster_of_the_greeting() -> None:
    records = {
        "helo.example TXT": ["v=spf1 exists:%{l}.%{o}.who.example -all"],
        "postmaster.helo.example.who.example A": ["127.0.0.2"],
    }
    assert checked(records, sender="").result is Verdict.PASS


def test_another_domain_than_the_senders_can_be_checked() -> None:
    assert checked({"y.example TXT": ["v=spf1 -all"]}, domain="y.example").result is Verdict.FAIL


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.256"):
        checked({}, ip="192.0.2.256")


class Slow:
    """Answers from a dictionary, but never about one name."""

    def __init__(self, records: Records, never: str) -> None:
        self._inner = FakeLookup(records)
        self._never = never

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        if name == self._never:
            await asyncio.Event().wait()
        return await self._inner.ask(name, kind)


def test_the_whole_takes_no_longer_than_it_may() -> None:
    slow = Slow({"x.example TXT": ["v=spf1 include:y.example -all"]}, never="y.example")
    result = asyncio.run(check_host("192.0.2.1", "a@x.example", "h.example", slow, within=0.05))
    assert result.result is Verdict.TEMPERROR
    assert "longer than 0.05 s" in result.because


def test_an_explanation_that_takes_too_long_changes_no_verdict() -> None:
    slow = Slow({"x.example TXT": ["v=spf1 -all exp=why.example"]}, never="why.example")
    result = asyncio.run(check_host("192.0.2.1", "a@x.example", "h.example", slow, within=0.05))
    assert (result.result, result.explanation) == (Verdict.FAIL, "")


NAMES = [f"{letter}.example" for letter in "abcdef"]
TERMS = st.builds(
    lambda qualifier, term, name: qualifier + term.replace("@", name),
    st.sampled_from(["", "-", "~", "?"]),
    st.sampled_from(
        [
            "include:@",
            "a:@",
            "a",
            "mx:@/24",
            "mx",
            "ptr",
            "ptr:@",
            "exists:%{i}.@",
            "exists:%{p}.@",
            "ip4:198.51.100.0/24",
        ]
    ),
    st.sampled_from([*NAMES, "gone.example"]),
)
ENDS = st.sampled_from(["", " -all", " redirect=a.example", " redirect=b.example", " ?all exp=c.example", " moo"])
TEXTS = st.builds(lambda terms, end: "v=spf1 " + " ".join(terms) + end, st.lists(TERMS, max_size=12), ENDS)
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "198.51.100.7", "203.0.113.9"]), max_size=3)
EXCHANGERS = st.lists(st.builds(lambda host: Mx(preference=1, host=host), st.sampled_from([*NAMES, ""])), max_size=11)
POINTERS = st.lists(st.sampled_from(NAMES), max_size=12)


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    world: dict[str, Any] = {"1.2.0.192.in-addr.arpa PTR": draw(POINTERS)}
    for name in NAMES:
        world[f"{name} TXT"] = draw(st.one_of(st.lists(TEXTS, min_size=1, max_size=1), st.just(MUTE)))
        world[f"{name} A"] = draw(st.one_of(ADDRESSES, st.just(MUTE)))
        world[f"{name} MX"] = draw(EXCHANGERS)
    return world


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_no_record_can_make_it_ask_more_than_the_limits_allow(world: dict[str, Any]) -> None:
    fake = FakeLookup(world)
    result = asyncio.run(check_host(ip_address("192.0.2.1"), "l@a.example", "h.example", fake))
    assert result.result in set(Verdict)
    assert result.because
    assert result.lookups <= MOST_LOOKUPS
    assert result.voids <= MOST_VOIDS
    terms, exchangers, names, explanation = 1 + MOST_LOOKUPS, MOST_LOOKUPS * 10, 11, 1
    assert len(fake.asked) <= terms + exchangers + names + explanation
