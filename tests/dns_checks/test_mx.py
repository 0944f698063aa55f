"""Mail exchangers: the expected ones, in order, each with an address, one of them elsewhere."""

import asyncio
from typing import Any

import pytest
from fake_lookup import FakeLookup

from dns_checks.answers import A, Answer, Found, Kind, Mx, R, Trouble, Unknown
from dns_checks.findings import Finding
from dns_checks.mx import Reach, Reached, check_mx, reach_once
from dns_checks.networks import stand_apart
from mailover.core.events import Severity

SERVFAIL = Unknown(trouble=Trouble.SERVFAIL, because="the server said SERVFAIL")
ADDRESSES: dict[str, Any] = {
    "mx1.example.com A": ["192.0.2.1"],
    "mx2.example.com A": ["198.51.100.1"],
    "mx3.example.com A": ["203.0.113.1"],
}
EXPECTED = [
    Mx(preference=10, host="mx1.example.com"),
    Mx(preference=20, host="mx2.example.com."),
    Mx(preference=30, host="MX3.example.com"),
]


def mx(*pairs: tuple[int, str], **more: Any) -> FakeLookup:
    exchangers = [Mx(preference=preference, host=host) for preference, host in pairs]
    return FakeLookup({"example.com MX": exchangers, **ADDRESSES, **more})


THREE = [(10, "mx1.example.com"), (20, "mx2.example.com"), (30, "mx3.example.com")]


def found(lookup: Any, expected: list[Mx] | None = None, reach: Reach | None = None) -> tuple[Finding, ...]:
    return asyncio.run(check_mx("Example.com.", lookup, expected=expected or [], reach=reach))


def words(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.verdict for finding in findings]


def test_the_expected_hosts_in_the_expected_order_are_good() -> None:
    (finding,) = found(mx(*THREE), EXPECTED)
    assert (finding.verdict, finding.severity, finding.provider) == ("good", None, None)
    assert finding.because == "mail for example.com finds 10 mx1.example.com, 20 mx2.example.com, 30 mx3.example.com"


def test_other_numbers_in_the_same_order_are_good() -> None:
    assert words(found(mx((1, "MX1.example.com"), (5, "mx2.example.com"), (9, "mx3.example.com")), EXPECTED)) == [
        "good"
    ]


def test_a_missing_host_is_named_with_what_to_publish() -> None:
    (finding,) = found(mx(*THREE[:2]), EXPECTED)
    assert (finding.verdict, finding.severity) == ("host_missing", Severity.CRITICAL)
    assert "mx3.example.com is not among" in finding.because
    assert finding.advice == (
        "publish: example.com. MX 10 mx1.example.com.; example.com. MX 20 mx2.example.com.; "
        "example.com. MX 30 MX3.example.com."
    )


@pytest.mark.parametrize("second", [5, 10])
def test_a_secondary_that_is_not_behind_the_primary_is_out_of_order(second: int) -> None:
    findings = found(mx((10, "mx1.example.com"), (second, "mx2.example.com"), (30, "mx3.example.com")), EXPECTED)
    assert words(findings) == ["out_of_order"]
    assert f"mx1.example.com (10) should come before mx2.example.com ({second})" in findings[0].because


def test_a_stranger_in_front_is_a_warning_and_behind_a_remark() -> None:
    strange = {"other.example A": ["203.0.113.9"]}
    front = found(mx((5, "other.example"), *THREE, **strange), EXPECTED)
    behind = found(mx((50, "other.example"), *THREE, **strange), EXPECTED)
    assert [(each.verdict, each.severity) for each in front] == [("unexpected", Severity.WARNING)]
    assert [(each.verdict, each.severity) for each in behind] == [("unexpected", Severity.INFO)]


def test_an_unknown_answer_is_not_a_missing_one() -> None:
    (finding,) = found(FakeLookup({"example.com MX": SERVFAIL}), EXPECTED)
    assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
    (host,) = found(mx(*THREE, **{"mx2.example.com A": SERVFAIL}))
    assert (host.verdict, host.severity) == ("unknown", Severity.WARNING)
    assert "the address of mx2.example.com" in host.because


def test_an_alias_that_never_ends_is_named() -> None:
    loop = Unknown(trouble=Trouble.LOOP, because="its aliases (CNAME) never end")
    (finding,) = found(mx(*THREE, **{"mx2.example.com A": loop, "mx2.example.com AAAA": loop}))
    assert (finding.verdict, finding.severity) == ("loop", Severity.CRITICAL)


def test_a_null_mx_alone_takes_no_mail_and_mixed_it_is_a_mistake() -> None:
    (alone,) = found(mx((0, "")))
    assert (alone.verdict, alone.severity) == ("null", Severity.CRITICAL)
    assert alone.records[0].value == "0 ."
    mixed = found(mx((0, ""), *THREE))
    assert [(each.verdict, each.severity) for each in mixed] == [("null_mixed", Severity.CRITICAL)]


def test_without_mx_mail_goes_to_the_domain_itself() -> None:
    (implicit,) = found(FakeLookup({"example.com A": ["192.0.2.1"]}))
    assert (implicit.verdict, implicit.severity) == ("implicit", Severity.WARNING)
    (wanted,) = found(FakeLookup({"example.com A": ["192.0.2.1"]}), EXPECTED)
    assert wanted.severity is Severity.CRITICAL
    (nothing,) = found(FakeLookup({}))
    assert (nothing.verdict, nothing.severity) == ("missing", Severity.CRITICAL)
    (unsure,) = found(FakeLookup({"example.com A": SERVFAIL}))
    assert "not known" in unsure.because


def test_a_host_without_an_address_is_critical() -> None:
    findings = found(mx(*THREE, (40, "gone.example.com")))
    assert [(each.verdict, each.severity) for each in findings] == [("unresolved", Severity.CRITICAL)]
    assert findings[0].because == "gone.example.com, MX of example.com, has no address"


@pytest.mark.parametrize("literal", ["192.0.2.7", "2001:db8::7"])
def test_an_address_in_place_of_a_name_is_named(literal: str) -> None:
    findings = found(mx(*THREE, (40, literal)))
    assert words(findings) == ["address"]
    assert literal in findings[0].because


def test_an_exchanger_that_is_an_alias_is_named_with_its_target() -> None:
    class Aliasing(FakeLookup):
        async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
            answer = await super().ask(name, kind)
            if name == "mx2.example.com" and isinstance(answer, Found):
                return Found(records=answer.records, ttl=answer.ttl, aliases=("real.example.com",))
            return answer

    lookup = Aliasing({"example.com MX": [Mx(preference=p, host=h) for p, h in THREE], **ADDRESSES})
    (finding,) = found(lookup)
    assert (finding.verdict, finding.severity) == ("alias", Severity.WARNING)
    assert "alias (CNAME) of real.example.com" in finding.because
    assert [seen.kind for seen in finding.records] == ["CNAME", "A"]


def test_exchangers_on_one_network_are_lost_together() -> None:
    together = {"mx2.example.com A": ["192.0.2.77"], "mx3.example.com A": ["192.0.2.78"]}
    (finding,) = found(mx(*THREE, **together))
    assert (finding.verdict, finding.severity) == ("same_network", Severity.WARNING)
    equal = [(10, "mx1.example.com"), (10, "mx2.example.com")]
    assert words(found(mx(*equal, **together))) == ["same_network"]
    assert words(found(mx(*equal))) == ["good"]


def test_a_single_exchanger_needs_two_networks() -> None:
    one = (10, "mx1.example.com")
    assert words(found(mx(one))) == ["no_secondary"]
    both_families = {"mx1.example.com AAAA": ["2001:db8::1"]}
    assert words(found(mx(one, **both_families))) == ["no_secondary"]
    assert words(found(mx(one, **{"mx1.example.com A": ["192.0.2.1", "198.51.100.1"]}))) == ["good"]


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        (["192.0.2.1"], ["192.0.2.200"], False),
        (["192.0.2.1"], ["192.0.3.1"], True),
        (["192.0.2.1"], ["2001:db8::1"], False),
        (["2001:db8::1"], ["192.0.2.1"], True),
        (["2001:db8::1"], ["2001:db8:0:ffff::1"], False),
        (["2001:db8::1"], ["2001:db8:1::1"], True),
        (["192.0.2.1", "2001:db8::1"], ["192.0.2.9", "2001:db8:1::1"], False),
        (["192.0.2.1"], [], False),
    ],
)
def test_networks_stand_apart_where_most_senders_reach_them(ours: list[str], theirs: list[str], apart: bool) -> None:
    assert stand_apart(ours, theirs) is apart


def test_a_wildcard_is_found_by_a_label_that_nobody_has() -> None:
    class Wild(FakeLookup):
        async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
            answer = await super().ask(name, kind)
            wild: Any = ("192.0.2.99",) if kind is A else ()
            unheard_of = name.endswith(".example.com") and not name.startswith("mx")
            return Found(records=wild, ttl=60) if wild and unheard_of else answer

    lookup = Wild({"example.com MX": [Mx(preference=p, host=h) for p, h in THREE], **ADDRESSES})
    (finding,) = found(lookup)
    assert (finding.verdict, finding.severity) == ("wildcard", Severity.INFO)
    labels = {name.split(".")[0] for name in lookup.asked if name.endswith(".example.com TXT")}
    assert len(labels) == 1
    found(lookup)
    again = {name.split(".")[0] for name in lookup.asked if name.endswith(".example.com TXT")}
    assert len(again) == 2


def test_reaching_the_hosts_is_asked_of_who_can() -> None:
    asked = []

    async def reach(host: str, address: str) -> Reached:
        asked.append((host, address))
        if host == "mx2.example.com":
            return Reached(reached=False, because="connection refused")
        return Reached(reached=True, starttls=host != "mx3.example.com")

    findings = found(mx(*THREE), EXPECTED, reach)
    assert words(findings) == ["unreachable", "no_starttls"]
    assert findings[0].because == (
        "mx2.example.com [198.51.100.1], MX of example.com, does not answer on port 25: connection refused"
    )
    assert asked == [
        ("mx1.example.com", "192.0.2.1"),
        ("mx2.example.com", "198.51.100.1"),
        ("mx3.example.com", "203.0.113.1"),
    ]


def test_hosts_that_only_ipv6_does_not_reach_are_not_blamed() -> None:
    async def reach(_: str, address: str) -> Reached:
        return Reached(reached=":" not in address, starttls=True, because="")

    assert words(found(mx(*THREE, **{"mx1.example.com AAAA": ["2001:db8::1"]}), EXPECTED, reach)) == ["good"]


def test_when_no_host_is_reached_it_may_be_us() -> None:
    async def reach(_host: str, _address: str) -> Reached:
        return Reached(reached=False, because="no answer within 15 s")

    findings = found(mx(*THREE), EXPECTED, reach)
    assert words(findings) == ["unreachable"] * 3
    assert all("whether this machine may connect to port 25" in (each.advice or "") for each in findings)


def test_a_certificate_that_proves_nothing_is_remarked_on() -> None:
    async def reach(_host: str, address: str) -> Reached:
        mine = "the certificate is self-signed" if address == "192.0.2.1" else ""
        return Reached(reached=True, starttls=True, because=mine)

    (finding,) = found(mx(*THREE), EXPECTED, reach)
    assert (finding.verdict, finding.severity) == ("unverified_tls", Severity.INFO)
    assert "self-signed" in finding.because


def test_domains_that_share_a_host_have_it_connected_to_once() -> None:
    asked = []

    async def reach(host: str, address: str) -> Reached:
        asked.append((host, address))
        return Reached(reached=True, starttls=True)

    async def twice() -> None:
        once = reach_once(reach)
        await asyncio.gather(once("mx1.example.com", "192.0.2.1"), once("MX1.example.com", "192.0.2.1"))

    asyncio.run(twice())
    assert asked == [("mx1.example.com", "192.0.2.1")]
