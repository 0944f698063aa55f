"""Every name server asked: hostile ones over the wire, and what differences mean."""

import asyncio
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from fake_lookup import FakeLookup
from hostile.names import HostileNames, refusal, truncated

from dns_checks.answers import TXT, Lookup, Mx, Soa, Trouble, Unknown
from dns_checks.authority import check_authority
from dns_checks.findings import Finding
from dns_checks.lookup import DnsLookup
from dns_checks.servers import server_from
from dns_checks.zone_servers import find_zone
from mailover.core.events import Severity

SERVFAIL: Any = Unknown(trouble=Trouble.SERVFAIL, because="it said SERVFAIL")
SILENT: Any = Unknown(trouble=Trouble.SILENT, because="no reply within 4 s")
LAME: Any = Unknown(trouble=Trouble.LAME, because="it does not answer with authority")


def soa(serial: int) -> list[Soa]:
    return [
        Soa(primary="ns1.example.com", contact="h", serial=serial, refresh=1, retry=1, expire=1, minimum=1),
    ]


def zone(serial: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "example.com SOA": soa(serial),
        "example.com NS": ["ns1.example.com", "ns2.example.com"],
        "example.com MX": [Mx(preference=10, host="mx.example.com")],
        "example.com TXT": ["v=spf1 -all"],
        "ns1.example.com A": ["192.0.2.1"],
        "ns2.example.com A": ["198.51.100.1"],
        **more,
    }


def found(
    resolver: dict[str, Any],
    servers: dict[str, Any],
    domain: str = "example.com",
    questions: Any = (),
) -> tuple[Finding, ...]:
    """`servers`: what each address answers, or a lookup that asks it over the wire."""

    def asking(address: str) -> Lookup:
        server = servers[address]
        return FakeLookup(server) if isinstance(server, dict) else server

    return asyncio.run(check_authority(domain, FakeLookup(resolver), asking, questions=questions))


def words(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.verdict for finding in findings]


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"192.0.2.1": one, "198.51.100.1": other}


def test_the_order_and_the_capitals_of_records_are_no_difference() -> None:
    one = zone(**{"example.com NS": ["NS2.example.com", "ns1.Example.com"], "example.com TXT": ["a", "v=spf1 -all"]})
    other = zone(**{"example.com TXT": ["v=spf1 -all", "a"]})
    assert words(found(one, both(one, other))) == ["good"]


def test_the_capitals_of_a_text_are_a_difference() -> None:
    other = zone(**{"example.com TXT": ["V=SPF1 -ALL"]})
    (finding,) = found(zone(), both(zone(), other))
    assert finding.verdict == "disagree"
    assert "answers otherwise than ns1.example.com [192.0.2.1], at the same serial" in finding.because


def test_a_serial_that_has_wrapped_around_is_newer() -> None:
    old, new = zone(4294967290), zone(3)
    (finding,) = found(new, both(old, new))
    assert (finding.verdict, finding.severity) == ("behind", Severity.INFO)
    assert "version 3 of example.com has reached 1 of 2" in finding.because
    assert {seen.name for seen in finding.records} == {
        "example.com @ns1.example.com",
        "example.com @ns2.example.com",
    }


def test_a_question_of_the_checks_is_compared_too() -> None:
    name = "s1._domainkey.example.com TXT"
    new, old = zone(8, **{name: ["v=DKIM1; p=new"]}), zone(7)
    findings = found(new, both(new, old), questions=[("s1._domainkey.example.com.", TXT)])
    assert words(findings) == ["behind", "disagree"]
    assert "a change of s1._domainkey.example.com TXT has not reached ns2" in findings[1].because


def test_what_a_server_has_no_authority_over_is_nobodys_disagreement() -> None:
    name = "mail.example.com TXT"
    assert words(found(zone(), both(zone(**{name: ["x"]}), zone(**{name: LAME})), questions=[(name[:-4], TXT)])) == [
        "good"
    ]


def test_servers_that_answer_beside_a_resolver_that_fails_point_at_dnssec() -> None:
    (finding,) = found(zone(**{"example.com MX": SERVFAIL}), both(zone(), zone()))
    assert (finding.verdict, finding.severity) == ("unresolvable", Severity.CRITICAL)
    assert "example.com MX" in finding.because


def test_a_silent_resolver_is_not_a_difference() -> None:
    assert words(found(zone(**{"example.com MX": SILENT}), both(zone(), zone()))) == ["good"]


def test_a_resolver_that_knows_nothing_of_the_zone_leaves_it_unknown() -> None:
    for name in ("example.com SOA", "example.com NS"):
        (finding,) = found(zone(**{name: SILENT}), {})
        assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
        assert "no reply within 4 s" in finding.because


def test_a_domain_in_no_zone_does_not_exist() -> None:
    (finding,) = found({"com SOA": soa(1)}, {})
    assert (finding.verdict, finding.severity) == ("missing", Severity.CRITICAL)


def test_a_zone_is_found_from_any_name_in_it() -> None:
    assert asyncio.run(find_zone("A.b.Example.com.", FakeLookup(zone()))) == "example.com"


def test_a_name_server_without_an_address_is_named() -> None:
    resolver = zone(**{"example.com NS": ["ns1.example.com", "gone.example.com"], "example.net A": []})
    findings = found(resolver, {"192.0.2.1": resolver})
    assert words(findings) == ["unresolved"]
    assert findings[0].because == "gone.example.com, name server of example.com, has no address"
    unsure = {**resolver, "gone.example.com A": SILENT}
    assert words(found(unsure, {"192.0.2.1": unsure})) == ["unknown"]


def test_servers_that_only_the_zone_above_knows_are_asked_and_named() -> None:
    parent = Unknown(trouble=Trouble.LAME, because="no authority", referral=("NS1.example.com", "old.example.net"))
    above = {"com NS": ["a.gtld.example"], "a.gtld.example A": ["203.0.113.5"], "old.example.net A": ["203.0.113.9"]}
    resolver = zone(**above)
    stale = zone(3)
    servers = both(resolver, resolver) | {"203.0.113.5": {"example.com NS": parent}, "203.0.113.9": stale}
    findings = found(resolver, servers)
    assert [(each.verdict, each.severity) for each in findings] == [
        ("delegation", Severity.WARNING),
        ("delegation", Severity.INFO),
        ("behind", Severity.INFO),
    ]
    assert "refers to old.example.net too, which example.com does not name" in findings[0].because
    assert findings[1].because == "ns2.example.com serves example.com, and the zone above does not say so"
    assert "old.example.net [203.0.113.9] has 3" in findings[2].because


def test_a_zone_above_that_does_not_answer_says_nothing() -> None:
    resolver = zone(**{"com NS": ["a.gtld.example"], "a.gtld.example A": ["203.0.113.5"]})
    for above in ({"example.com NS": SILENT}, {}):
        assert words(found(resolver, both(resolver, resolver) | {"203.0.113.5": above})) == ["good"]


def test_a_single_name_server_and_a_shared_network_are_remarked_on() -> None:
    single = zone(**{"example.com NS": ["ns1.example.com"]})
    assert words(found(single, {"192.0.2.1": single})) == ["single"]
    near = zone(**{"ns2.example.com A": ["192.0.2.2"]})
    (finding,) = found(near, {"192.0.2.1": near, "192.0.2.2": near})
    assert (finding.verdict, finding.severity) == ("same_network", Severity.INFO)


def test_servers_that_only_ipv6_does_not_reach_are_not_blamed() -> None:
    resolver = zone(**{"ns1.example.com AAAA": ["2001:db8::1"]})
    away = {"example.com SOA": Unknown(trouble=Trouble.UNREACHABLE, because="no route")}
    assert words(found(resolver, both(resolver, resolver) | {"2001:db8::1": away})) == ["good"]
    assert words(found(resolver, both(resolver, away) | {"2001:db8::1": away})) == ["mute"]


def served(records: dict[str, Any]) -> Any:
    """An authoritative server's answers from a dictionary of texts in the manner of a zone file."""

    def answering(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA
        texts = records.get(f"{asked.name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(asked.rdtype)}")
        if texts:
            answer.answer.append(dns.rrset.from_text(asked.name, 300, "IN", asked.rdtype, *texts))
        return answer

    return answering


SERVED = {
    "example.com SOA": ["ns1.example.com. h. 7 1 1 1 1"],
    "example.com NS": ["ns1.example.com.", "ns2.example.com."],
    "example.com MX": ["10 mx.example.com."],
    "example.com TXT": ['"v=spf1 -all"'],
}


def without_authority(question: dns.message.Message) -> dns.message.Message:
    answer = served(SERVED)(question)
    answer.flags &= ~dns.flags.AA
    return answer  # type: ignore[no-any-return]


def wrong_id(question: dns.message.Message) -> dns.message.Message:
    answer = served(SERVED)(question)
    answer.id ^= 1
    return answer  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("hostile", "verdict"),
    [
        (lambda question: None, "mute"),
        (lambda question: b"\0" * 64, "mute"),
        (wrong_id, "mute"),
        (truncated, "mute"),
        (lambda question: refusal(question, dns.rcode.REFUSED), "lame"),
        (lambda question: refusal(question, dns.rcode.SERVFAIL), "lame"),
        (without_authority, "lame"),
        (served({}), "lame"),
    ],
)
def test_a_server_that_gives_no_answer_is_mute_or_lame(hostile: Any, verdict: str) -> None:
    with HostileNames(served(SERVED)) as good, HostileNames(hostile) as bad:
        one, other = (DnsLookup([server_from(s.address)], lifetime=0.5, recursive=False) for s in (good, bad))
        findings = found(zone(), both(one, other))  # type: ignore[arg-type]
    assert words(findings) == [verdict]
    assert "ns2.example.com [198.51.100.1]" in findings[0].because


def test_a_mute_server_is_asked_one_question() -> None:
    with HostileNames(served(SERVED)) as good, HostileNames(lambda question: None) as mute:
        one, other = (DnsLookup([server_from(s.address)], lifetime=0.3, recursive=False) for s in (good, mute))
        found(zone(), both(one, other))  # type: ignore[arg-type]
    assert set(mute.asked) == {"example.com. IN SOA"}


def test_when_no_server_answers_nothing_is_known_of_the_zone() -> None:
    with HostileNames(lambda question: None) as mute:
        silent = DnsLookup([server_from(mute.address)], lifetime=0.3, recursive=False)
        findings = found(zone(), both(silent, silent))  # type: ignore[arg-type]
    assert words(findings) == ["unknown", "mute", "mute"]
