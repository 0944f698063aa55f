"""The checks against real name servers: zones signed and unsigned, two that disagree, a delegation, a resolver."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_bind import Bind, Resolver, signed, zone_text

from dns_checks.answers import A, Found, Lookup, Mx, Unknown
from dns_checks.authority import check_authority
from dns_checks.dkim import Selector, check_dkim
from dns_checks.dmarc import check_dmarc
from dns_checks.findings import Finding
from dns_checks.lookup import DnsLookup
from dns_checks.mx import check_mx
from dns_checks.servers import Server
from dns_checks.tls_policies import check_tls_policies
from mailover.core.events import Severity

pytestmark = pytest.mark.peer("bind")

SERVERS = """
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 A 198.51.100.1
"""
MAIL = """
@ MX 10 mx1
@ MX 20 mx2
mx1 A 192.0.2.10
mx2 A 198.51.100.10
@ TXT "v=spf1 -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.test"
"""
DELEGATION = """
mail NS ns1.mail
mail NS ns2.mail
ns1.mail A 192.0.2.1
ns2.mail A 198.51.100.1
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator["Room"]:
    room = Room(tmp_path)
    yield room
    room.close()


class Room:
    """Servers started one by one, and stopped together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: list[Bind] = []

    def place(self) -> Path:
        path = self._path / str(len(self._running))
        path.mkdir(exist_ok=True)
        return path

    def serve(self, **zones: str) -> Bind:
        """Zones by name, with _ for the dot."""
        return self.start(Bind(self.place(), {name.replace("_", "."): text for name, text in zones.items()}))

    def start(self, bind: Bind) -> Bind:
        bind.start()
        self._running.append(bind)
        return bind

    def resolve(self, anchors: str = "", **zones: Bind) -> Lookup:
        forwarded = {name.replace("_", "."): bind for name, bind in zones.items()}
        return self.start(Resolver(self.place(), forwarded, anchors)).lookup()

    def close(self) -> None:
        for bind in self._running:
            bind.stop()


def seen_at(**servers: Bind | int) -> dict[str, Server]:
    """Where an address of the zone really is: a server here, or a port where nobody answers."""
    addresses = {"ns1": "192.0.2.1", "ns2": "198.51.100.1"}
    return {
        addresses[name]: Server("127.0.0.1", bind if isinstance(bind, int) else bind.port)
        for name, bind in servers.items()
    }


def authority(domain: str, lookup: Lookup, servers: dict[str, Server]) -> tuple[Finding, ...]:
    def asking(address: str) -> Lookup:
        return DnsLookup([servers[address]], lifetime=1.0, recursive=False)

    return asyncio.run(check_authority(domain, lookup, asking))


def words(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.verdict for finding in findings]


def test_two_servers_that_agree_are_good(room: Room) -> None:
    zone = zone_text("example.test", SERVERS + MAIL)
    one, two = room.serve(example_test=zone), room.serve(example_test=zone)
    (finding,) = authority("example.test", room.resolve(example_test=one), seen_at(ns1=one, ns2=two))
    assert (finding.verdict, finding.severity) == ("good", None)
    assert finding.because == "the 2 name servers of example.test agree (serial 1)"


def test_a_change_that_has_reached_one_server_only_names_the_other(room: Room) -> None:
    new = room.serve(example_test=zone_text("example.test", SERVERS + MAIL.replace("-all", "~all"), serial=2))
    old = room.serve(example_test=zone_text("example.test", SERVERS + MAIL))
    findings = authority("example.test", room.resolve(example_test=new), seen_at(ns1=new, ns2=old))
    assert words(findings) == ["behind", "disagree"]
    assert findings[0].because == (
        "version 2 of example.test has reached 1 of 2 name servers: ns2.example.test [198.51.100.1] has 1"
    )
    assert "a change of example.test TXT has not reached ns2.example.test" in findings[1].because
    values = {(seen.name, seen.value) for seen in findings[1].records}
    assert ("example.test @ns2.example.test", "v=spf1 -all") in values
    assert ("example.test @ns1.example.test", "v=spf1 ~all") in values


def test_a_resolver_with_the_old_records_is_said_to_have_them_cached(room: Room) -> None:
    new = room.serve(example_test=zone_text("example.test", SERVERS + MAIL.replace("-all", "~all"), serial=2))
    old = room.serve(example_test=zone_text("example.test", SERVERS + MAIL))
    findings = authority("example.test", room.resolve(example_test=old), seen_at(ns1=new, ns2=new))
    assert words(findings) == ["cached"]
    assert findings[0].severity is Severity.INFO


def test_a_mute_server_costs_one_deadline_and_is_named(room: Room) -> None:
    zone = room.serve(example_test=zone_text("example.test", SERVERS + MAIL))
    began = time.monotonic()
    findings = authority("example.test", room.resolve(example_test=zone), seen_at(ns1=zone, ns2=9))
    assert words(findings) == ["mute"]
    assert "ns2.example.test [198.51.100.1] does not answer" in findings[0].because
    assert time.monotonic() - began < 10


def test_a_server_that_does_not_serve_the_zone_is_lame(room: Room) -> None:
    zone = room.serve(example_test=zone_text("example.test", SERVERS + MAIL))
    other = room.serve(other_test=zone_text("other.test", SERVERS))
    findings = authority("example.test", room.resolve(example_test=zone), seen_at(ns1=zone, ns2=other))
    assert words(findings) == ["lame"]
    assert "does not serve it: it has no SOA" in findings[0].because


def test_a_delegated_domain_is_asked_for_at_its_own_servers(room: Room) -> None:
    parent = room.serve(example_test=zone_text("example.test", SERVERS + DELEGATION))
    child = room.serve(mail_example_test=zone_text("mail.example.test", SERVERS + "@ MX 10 mx\nmx A 192.0.2.10\n"))
    resolver = room.resolve(example_test=parent, mail_example_test=child)
    (finding,) = authority("mail.example.test", resolver, seen_at(ns1=child, ns2=child))
    assert finding.because == "the 2 name servers of mail.example.test agree (serial 1)"
    # The parent knows the child only by reference, and that is no answer.
    findings = authority("mail.example.test", resolver, seen_at(ns1=child, ns2=parent))
    assert words(findings) == ["lame"]


def test_what_the_zone_above_refers_to_is_compared_with_what_the_zone_names(room: Room) -> None:
    delegation = DELEGATION.replace("mail NS ns2.mail", "mail NS ns1") + "ns1 A 203.0.113.1\n@ NS ns1\n"
    parent = room.serve(example_test=zone_text("example.test", delegation))
    child = room.serve(mail_example_test=zone_text("mail.example.test", SERVERS + "@ MX 10 mx\nmx A 192.0.2.10\n"))
    servers = seen_at(ns1=child, ns2=child) | {"203.0.113.1": parent.server}
    findings = authority("mail.example.test", room.resolve(example_test=parent, mail_example_test=child), servers)
    assert words(findings) == ["lame", "delegation", "delegation"]
    assert "refers to ns1.example.test too, which mail.example.test does not name" in findings[1].because
    assert "ns2.mail.example.test serves mail.example.test" in findings[2].because


def test_a_name_below_the_zone_is_checked_in_its_zone(room: Room) -> None:
    zone = room.serve(example_test=zone_text("example.test", SERVERS + MAIL + 'news TXT "v=spf1 -all"\n'))
    (finding,) = authority("news.example.test", room.resolve(example_test=zone), seen_at(ns1=zone, ns2=zone))
    assert (finding.domain, finding.verdict) == ("news.example.test", "good")


def test_a_signed_zone_is_as_good_as_another(room: Room) -> None:
    text, anchor = signed(room.place(), "example.test", zone_text("example.test", SERVERS + MAIL))
    zone = room.serve(example_test=text)
    resolver = room.resolve(anchor, example_test=zone)
    assert words(authority("example.test", resolver, seen_at(ns1=zone, ns2=zone))) == ["good"]


def test_a_zone_that_nobody_can_validate_is_unknown_and_never_missing(room: Room) -> None:
    zone_file = zone_text("example.test", SERVERS + MAIL)
    text, _ = signed(room.place(), "example.test", zone_file)
    (room.place() / "other").mkdir()
    _, wrong_anchor = signed(room.place() / "other", "example.test", zone_file)
    zone = room.serve(example_test=text)
    resolver = room.resolve(wrong_anchor, example_test=zone)
    assert isinstance(asyncio.run(resolver.ask("mx1.example.test", A)), Unknown)
    (finding, *_) = asyncio.run(check_mx("example.test", resolver))
    assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
    assert "SERVFAIL" in finding.because
    (finding, *_) = asyncio.run(check_dmarc("example.test", resolver))
    assert finding.verdict == "unknown"
    (finding,) = asyncio.run(check_dkim("example.test", [Selector(name="s1")], resolver))
    assert finding.verdict == "unknown"
    (finding,) = authority("example.test", resolver, seen_at(ns1=zone, ns2=zone))
    assert finding.verdict == "unknown"


def test_one_broken_signature_is_told_from_a_missing_record(room: Room) -> None:
    text, anchor = signed(room.place(), "example.test", zone_text("example.test", SERVERS + MAIL))
    zone = room.serve(example_test=text.replace("v=spf1 -all", "v=spf1 +all"))
    (finding,) = authority("example.test", room.resolve(anchor, example_test=zone), seen_at(ns1=zone, ns2=zone))
    assert (finding.verdict, finding.severity) == ("unresolvable", Severity.CRITICAL)
    assert "example.test TXT" in finding.because
    assert "DNSSEC" in (finding.advice or "")


def test_a_domain_in_a_real_zone_has_its_mail_checked(room: Room) -> None:
    zone = room.serve(example_test=zone_text("example.test", SERVERS + MAIL))
    lookup = room.resolve(example_test=zone)
    expected = [Mx(preference=10, host="mx1.example.test"), Mx(preference=20, host="mx2.example.test")]
    assert words(asyncio.run(check_mx("example.test", lookup, expected=expected))) == ["good"]
    assert words(asyncio.run(check_dmarc("example.test", lookup))) == ["reject"]
    policies = asyncio.run(check_tls_policies("example.test", lookup))
    assert words(policies) == ["missing"] * 3
    assert isinstance(asyncio.run(lookup.ask("mx1.example.test", A)), Found)


def test_a_real_wildcard_is_found_by_a_label_that_nobody_has(room: Room) -> None:
    wild = '* MX 10 mx1\n* TXT "v=spf1 -all"\n'
    zone = room.serve(example_test=zone_text("example.test", SERVERS + MAIL + wild))
    findings = asyncio.run(check_mx("example.test", room.resolve(example_test=zone)))
    assert words(findings) == ["wildcard", "wildcard"]
    assert "MX" in findings[0].because
    assert "TXT" in findings[1].because
    (dkim,) = asyncio.run(check_dkim("example.test", [Selector(name="s1")], zone.lookup()))
    assert dkim.verdict == "malformed"
