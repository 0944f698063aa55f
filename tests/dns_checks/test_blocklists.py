"""Blocklists: believed after their self-test only, errors read as errors."""

import asyncio
from typing import Any

import pytest
from fake_lookup import FakeLookup

from dns_checks.answers import Trouble, Unknown
from dns_checks.blocklists import BLOCKLISTS, Blocklist, check_blocklists
from dns_checks.findings import Check, Finding
from mailover.core.events import Severity

OURS = "192.0.2.25"
LIST = Blocklist(
    zone="bl.example",
    name="Example BL",
    severity=Severity.CRITICAL,
    lists_ipv6=True,
    codes={"127.0.0.4": "an infected machine"},
    advice="ask https://bl.example",
)
WORKS: dict[str, Any] = {"2.0.0.127.bl.example A": ["127.0.0.2"]}
HERE = "25.2.0.192.bl.example"


def found(records: dict[str, Any], *addresses: str, lists: tuple[Blocklist, ...] = (LIST,)) -> tuple[Finding, ...]:
    return asyncio.run(check_blocklists(addresses or (OURS,), FakeLookup(records), lists=lists))


def test_an_address_on_no_list_is_clean() -> None:
    (finding,) = found(WORKS)
    assert (finding.domain, finding.check, finding.verdict, finding.severity) == (
        OURS,
        Check.BLOCKLIST,
        "clean",
        None,
    )
    assert finding.because == "192.0.2.25 is not on Example BL"


def test_a_listed_address_comes_with_the_reason_and_the_way_out() -> None:
    listed = {f"{HERE} A": ["127.0.0.4", "127.0.0.9"], f"{HERE} TXT": ["see https://bl.example/192.0.2.25\x1b[0m"]}
    (finding,) = found(WORKS | listed)
    assert (finding.verdict, finding.severity, finding.advice) == (
        "listed",
        Severity.CRITICAL,
        "ask https://bl.example",
    )
    assert finding.because.startswith("192.0.2.25 is on Example BL (an infected machine; 127.0.0.9), which says: see")
    assert "\x1b" not in finding.because
    assert [seen.value for seen in finding.records[:2]] == ["127.0.0.4", "127.0.0.9"]


@pytest.mark.parametrize(
    ("records", "because"),
    [
        ({}, "does not list its test address 127.0.0.2"),
        (WORKS | {"1.0.0.127.bl.example A": ["127.0.0.2"]}, "it lists 127.0.0.1, so it lists everything"),
        ({"2.0.0.127.bl.example A": ["127.255.255.254"]}, "127.255.255.254: it does not answer questions"),
        ({"2.0.0.127.bl.example A": ["127.255.255.255"]}, "it has been asked too often"),
        ({"2.0.0.127.bl.example A": ["127.255.255.252"]}, "mistyped"),
        ({"2.0.0.127.bl.example A": ["203.0.113.80"]}, "a resolver that lies"),
        (
            {"2.0.0.127.bl.example A": Unknown(trouble=Trouble.SILENT, because="nobody answered")},
            "nobody answered",
        ),
    ],
)
def test_a_list_that_fails_its_self_test_is_not_believed(records: dict[str, Any], because: str) -> None:
    listed = {f"{HERE} A": ["127.0.0.4"]}
    address, zone = found(records | listed)
    assert (address.verdict, address.severity) == ("unknown", Severity.WARNING)
    assert (zone.domain, zone.verdict, zone.severity) == ("bl.example", "unknown", Severity.INFO)
    assert because in zone.because


def test_an_error_for_one_address_is_not_a_listing() -> None:
    (finding,) = found(WORKS | {f"{HERE} A": ["127.255.255.255"]})
    assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
    assert "asked too often" in finding.because


def test_what_one_list_does_not_say_another_does() -> None:
    other = Blocklist(zone="other.example", name="Other")
    (clean, zone) = found(WORKS, lists=(LIST, other))
    assert (clean.verdict, clean.because) == ("clean", "192.0.2.25 is not on Example BL")
    assert zone.domain == "other.example"
    error = {f"{HERE} A": ["127.255.255.254"], "2.0.0.127.other.example A": ["127.0.0.2"]}
    (half,) = found(WORKS | error, lists=(LIST, other))
    assert (half.verdict, half.severity) == ("clean", None)
    assert "not known of Example BL" in half.because


def test_ipv6_is_asked_by_nibbles_and_only_of_lists_that_have_it() -> None:
    nibbles = ".".join(reversed("20010db8" + "0" * 23 + "1"))
    always = ".".join(reversed("0" * 20 + "ffff7f000002"))
    four_only = Blocklist(zone="four.example", name="Four")
    records = {f"{always}.bl.example A": ["127.0.0.2"], f"{nibbles}.bl.example A": ["127.0.0.4"]}
    (finding,) = found(records, "2001:db8::1", lists=(LIST, four_only))
    assert (finding.domain, finding.verdict) == ("2001:db8::1", "listed")


def test_an_address_in_ipv6_clothes_is_asked_as_ipv4() -> None:
    (finding,) = found(WORKS, "::ffff:192.0.2.25")
    assert finding.because == "192.0.2.25 is not on Example BL"


def test_each_list_is_tested_once_however_many_addresses_there_are() -> None:
    lookup = FakeLookup(WORKS)
    asyncio.run(check_blocklists(["192.0.2.1", "192.0.2.2", "192.0.2.3"], lookup, lists=(LIST,)))
    assert len(lookup.asked) == len(set(lookup.asked)) == 5


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="relay"):
        found(WORKS, "relay.example.com")


def test_the_lists_that_are_known_have_their_words() -> None:
    assert len({each.zone for each in BLOCKLISTS}) == len(BLOCKLISTS)
    assert all(each.advice for each in BLOCKLISTS)
