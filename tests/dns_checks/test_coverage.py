"""Coverage: how much of a provider an SPF record authorises, and what of it fails only for some."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest
from fake_lookup import FakeLookup

from dns_checks.answers import Trouble, Unknown
from dns_checks.conventions import EnvelopeOf, ProviderDns
from dns_checks.coverage import Coverage, Covered, cover

POST = ProviderDns(provider="post", envelope=EnvelopeOf.SENDER, best=EnvelopeOf.SENDER, includes=("spf.post.example",))
POST_ZONE = {"spf.post.example TXT": ["v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/25 ip6:2001:db8::/32 ~all"]}
SILENCE = Unknown(trouble=Trouble.SILENT, because="nobody answered")


def covered(record: str | list[str] | Unknown, more: dict[str, Any] | None = None, dns: ProviderDns = POST) -> Coverage:
    records = record if isinstance(record, list | Unknown) else [record]
    zone = {**POST_ZONE, "d.example TXT": records, **(more or {})}
    return asyncio.run(cover("d.example", dns, FakeLookup(zone)))


def test_an_include_covers_its_provider() -> None:
    found = covered("v=spf1 include:spf.post.example -all")
    assert found.covered is Covered.PASS
    assert (found.total, found.used) == (1, 1)


def test_addresses_cover_as_well_as_an_include_does() -> None:
    found = covered("v=spf1 ip4:192.0.2.0/25 ip4:192.0.2.128/25 ip4:198.51.0.0/16 ip6:2001:db8::/31 -all")
    assert found.covered is Covered.PASS
    assert found.total == 0


def test_a_part_that_is_left_out_is_named() -> None:
    found = covered("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all")
    assert found.covered is Covered.PARTIAL
    assert "198.51.100.0/25" in found.because


def test_ipv6_alone_may_be_what_is_left_out() -> None:
    found = covered("v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all")
    assert found.covered is Covered.PARTIAL
    assert "2001:db8::/32" in found.because


@pytest.mark.parametrize(
    "record", ["v=spf1 -all", "v=spf1 include:other.example ~all", "v=spf1 ?include:spf.post.example"]
)
def test_a_record_without_the_provider_misses_it(record: str) -> None:
    assert covered(record, {"other.example TXT": ["v=spf1 ip4:10.0.0.0/8 -all"]}).covered is Covered.MISSING


def test_no_record_at_all_is_missing() -> None:
    found = covered(["some other text"])
    assert found.covered is Covered.MISSING
    assert found.because == "d.example has no SPF record"


@pytest.mark.parametrize("term", ["-all", "?ip4:192.0.2.0/24", "~include:wide.example"])
def test_a_refusal_before_the_include_shadows_it(term: str) -> None:
    found = covered(f"v=spf1 {term} include:spf.post.example", {"wide.example TXT": ["v=spf1 ip4:192.0.0.0/8 -all"]})
    assert found.covered is Covered.SHADOWED
    assert term in found.because


def test_the_eleventh_provider_fails_while_the_first_passes() -> None:
    names = [f"p{number}.example" for number in range(11)]
    record = " ".join(["v=spf1", *(f"include:{name}" for name in names), "-all"])
    zone = {f"{name} TXT": [f"v=spf1 ip4:10.{number}.0.0/16 ~all"] for number, name in enumerate(names)}
    found = [
        covered(
            record,
            zone,
            ProviderDns(provider=name, envelope=EnvelopeOf.SENDER, best=EnvelopeOf.SENDER, includes=(name,)),
        )
        for name in names
    ]
    assert [each.covered for each in found] == [Covered.PASS] * 10 + [Covered.PERMERROR]
    assert [each.used for each in found[:10]] == list(range(1, 11))
    assert {each.total for each in found} == {11}
    assert "eleventh DNS lookup" in found[10].because


def test_two_records_are_an_error_for_everybody() -> None:
    found = covered(["v=spf1 include:spf.post.example -all", "v=spf1 -all"])
    assert found.covered is Covered.PERMERROR
    assert "more than one SPF record" in found.because


def test_silence_is_unknown_and_never_missing() -> None:
    found = covered(SILENCE)
    assert found.covered is Covered.UNKNOWN
    assert found.silent
    found = covered("v=spf1 include:spf.post.example -all", {"spf.post.example TXT": SILENCE})
    assert found.covered is Covered.UNKNOWN
    assert found.silent


def test_silence_behind_what_already_passed_does_not_matter() -> None:
    found = covered("v=spf1 include:spf.post.example include:quiet.example -all", {"quiet.example TXT": SILENCE})
    assert found.covered is Covered.PASS


def test_any_one_of_a_providers_records_is_enough() -> None:
    dns = ProviderDns(
        provider="post",
        envelope=EnvelopeOf.SENDER,
        best=EnvelopeOf.SENDER,
        includes=("old.example", "spf.post.example", "gone.example"),
    )
    found = covered("v=spf1 include:spf.post.example -all", {"old.example TXT": ["v=spf1 ip4:10.0.0.0/8 -all"]}, dns)
    assert found.covered is Covered.PASS


def test_configured_addresses_stand_for_the_provider() -> None:
    networks = (ip_network("203.0.113.7/32"), ip_network("2001:db8::7/128"))
    dns = ProviderDns(provider="relay", envelope=EnvelopeOf.SENDER, best=EnvelopeOf.SENDER, networks=networks)
    assert (
        covered(
            "v=spf1 a:out.example -all", {"out.example A": ["203.0.113.7"], "out.example AAAA": ["2001:db8::7"]}, dns
        ).covered
        is Covered.PASS
    )
    assert covered("v=spf1 a:out.example -all", {"out.example A": ["203.0.113.7"]}, dns).covered is Covered.PARTIAL


def test_what_asks_about_each_address_is_sampled() -> None:
    networks = (ip_network("203.0.113.7/32"),)
    dns = ProviderDns(provider="relay", envelope=EnvelopeOf.SENDER, best=EnvelopeOf.SENDER, networks=networks)
    known = {"203.0.113.7.ok.example A": ["127.0.0.2"]}
    found = covered("v=spf1 exists:%{i}.ok.example -all", known, dns)
    assert (found.covered, found.sampled) == (Covered.PASS, True)
    assert covered("v=spf1 exists:%{i}.ok.example -all", {}, dns).covered is Covered.MISSING


def test_a_provider_of_unknown_addresses_is_unknown_and_the_dns_is_not_blamed() -> None:
    dns = ProviderDns(provider="stranger", envelope=EnvelopeOf.SENDER, best=EnvelopeOf.SENDER)
    found = covered("v=spf1 -all", None, dns)
    assert found.covered is Covered.UNKNOWN
    assert not found.silent


def test_a_record_that_the_provider_keeps_may_name_the_accounts_addresses_alone() -> None:
    zone = {**POST_ZONE, "d.example TXT": ["v=spf1 ip4:192.0.2.9 -all"]}
    found = asyncio.run(cover("d.example", POST, FakeLookup(zone), managed=True))
    assert found.covered is Covered.PASS
    empty = asyncio.run(cover("d.example", POST, FakeLookup({"d.example TXT": ["v=spf1 -all"]}), managed=True))
    assert empty.covered is Covered.MISSING
