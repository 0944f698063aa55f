"""The range walk says of every address what `check_host` says of it, for whatever record."""

import asyncio
import time
from ipaddress import ip_address
from typing import Any

import pytest
from fake_lookup import FakeLookup
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dns_checks.answers import Mx, Trouble, Unknown
from dns_checks.ranges import Family, Ranges
from dns_checks.spf.evaluation import check_host
from dns_checks.spf.record import Verdict
from dns_checks.spf.walk import walk

SENDER = "somebody@d0.example"
HELO = "mail.example.net"

domains = st.sampled_from([f"d{number}.example" for number in range(5)] + ["missing.example", "silent.example"])
addresses = st.sampled_from(["1.2.3.4", "1.2.3.200", "1.2.200.1", "9.9.9.9", "2001:db8::1", "2001:db8:1::1"])
mechanisms = st.one_of(
    st.sampled_from(
        ["all", "ptr", "a", "mx", "exists:%{i}.d1.example", "a:%{o}", "include:%{d}", "exists:%{l}.example"]
    ),
    st.builds("ip4:{}/{}".format, addresses.filter(lambda each: ":" not in each), st.integers(0, 32)),
    st.builds("ip6:{}/{}".format, addresses.filter(lambda each: ":" in each), st.integers(0, 128)),
    st.builds("{}:{}".format, st.sampled_from(["include", "include", "include", "a", "mx", "exists"]), domains),
    st.builds("a:{}/{}//{}".format, domains, st.integers(8, 32), st.integers(16, 128)),
)
terms = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "", "", "+", "-", "~", "?"]), mechanisms),
    st.builds("redirect={}".format, domains),
    st.just("unknown=%{d}"),
)
records = st.builds(lambda parts: " ".join(["v=spf1", *parts]), st.lists(terms, max_size=7))
zones = st.fixed_dictionaries(
    {f"d{number}.example TXT": st.lists(records, min_size=1, max_size=1) for number in range(5)}
    | {f"d{number}.example A": st.lists(addresses.filter(lambda a: ":" not in a), max_size=2) for number in range(5)}
    | {f"d{number}.example AAAA": st.lists(addresses.filter(lambda a: ":" in a), max_size=2) for number in range(5)}
    | {
        f"d{number}.example MX": st.lists(
            st.builds(lambda at, host: Mx(preference=at, host=host), st.integers(0, 20), domains),
            max_size=3,
            unique=True,
        )
        for number in range(5)
    }
)
SILENT = {
    f"silent.example {kind}": Unknown(trouble=Trouble.SILENT, because="silent") for kind in ("TXT", "A", "AAAA", "MX")
}


async def agree(zone: dict[str, Any]) -> None:
    lookup = FakeLookup(zone | SILENT)
    for family in Family:
        walked = await walk("d0.example", Ranges.everything(family), lookup)
        for verdict, ranges in walked.fates.items():
            for address in ranges.samples(6):
                result = await check_host(address, SENDER, HELO, lookup)
                assert result.result is verdict, (str(address), result.because)
                if verdict is Verdict.PASS:
                    assert result.lookups <= walked.used
        parts = [*walked.fates.values(), walked.undecided]
        assert sum(part.size for part in parts) == 2**family.bits


@given(zones)
@settings(max_examples=300, deadline=None)
@example({"d0.example TXT": ["v=spf1 include:d0.example -all"]})
@example({"d0.example TXT": ["v=spf1 redirect=d1.example"], "d1.example TXT": ["v=spf1 redirect=d0.example"]})
@example({"d0.example TXT": ["v=spf1 a:x.example a:y.example a:z.example ip4:1.2.3.4 -all"]})
def test_walk_and_check_host_agree_at_every_sampled_address(zone: dict[str, Any]) -> None:
    asyncio.run(agree(zone))


def walked(zone: dict[str, Any], *, heedless: bool = False) -> dict[str, str]:
    found = asyncio.run(walk("d0.example", Ranges.everything(Family.V4), FakeLookup(zone), heedless=heedless))
    return {str(verdict): " ".join(map(str, ranges.networks())) for verdict, ranges in found.fates.items()}


def test_what_an_included_record_refuses_goes_on_in_the_including_one() -> None:
    zone = {
        "d0.example TXT": ["v=spf1 include:d1.example ip4:1.2.3.4 -all"],
        "d1.example TXT": ["v=spf1 -ip4:1.2.3.4 ip4:9.9.9.0/24 -all"],
    }
    assert walked(zone)["pass"] == "1.2.3.4/32 9.9.9.0/24"


def test_the_heedless_walk_sees_what_a_refusal_hides() -> None:
    zone = {"d0.example TXT": ["v=spf1 -all ip4:1.2.3.4"]}
    assert "pass" not in walked(zone)
    assert walked(zone, heedless=True)["pass"] == "1.2.3.4/32"


def test_eleven_includes_fail_the_last_and_pass_the_first() -> None:
    includes = " ".join(f"include:p{number}.example" for number in range(11))
    zone = {"d0.example TXT": [f"v=spf1 {includes} -all"]}
    zone |= {f"p{number}.example TXT": [f"v=spf1 ip4:10.0.{number}.0/24 ~all"] for number in range(11)}
    found = asyncio.run(walk("d0.example", Ranges.everything(Family.V4), FakeLookup(zone)))
    assert ip_address("10.0.0.1") in found.fate(Verdict.PASS)
    assert ip_address("10.0.9.1") in found.fate(Verdict.PASS)
    assert ip_address("10.0.10.1") in found.fate(Verdict.PERMERROR)
    assert "include:p10.example would be the eleventh DNS lookup" in found.reasons[Verdict.PERMERROR]
    assert found.used == 10


@pytest.mark.parametrize("signs", [("",), ("-", "")])
def test_a_record_made_to_take_long_takes_no_time(signs: tuple[str, ...]) -> None:
    ranges = (f"{signs[n % len(signs)]}ip4:{n // 256 % 256}.{n % 256}.{n % 7}.{n % 251}" for n in range(5000))
    zone = {"d0.example TXT": [f"v=spf1 {' '.join(ranges)} -all"]}
    began = time.process_time()
    found = asyncio.run(walk("d0.example", Ranges.everything(Family.V4), FakeLookup(zone)))
    assert time.process_time() - began < 2
    assert bool(found.undecided) == (len(signs) > 1)


def test_what_depends_on_the_sender_is_undecided_and_not_guessed() -> None:
    zone = {"d0.example TXT": ["v=spf1 ip4:1.0.0.0/8 exists:%{i}.x.example ip4:2.0.0.0/8 -all"]}
    found = asyncio.run(walk("d0.example", Ranges.everything(Family.V4), FakeLookup(zone)))
    assert list(map(str, found.fate(Verdict.PASS).networks())) == ["1.0.0.0/8"]
    assert ip_address("2.0.0.1") in found.undecided
