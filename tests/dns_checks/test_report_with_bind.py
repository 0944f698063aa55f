"""The whole matrix against a real BIND: aliases into the provider's zone, an MX and TXT, what dangles or is cut."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from dkim_keys import key_record
from real_bind import Bind, Resolver, zone_text

from dns_checks.conventions import EnvelopeOf, ProviderDns, ReturnPath
from dns_checks.dkim import Selector
from dns_checks.findings import Check
from dns_checks.remembered import Remembered
from dns_checks.report import Cell, check_all

pytestmark = pytest.mark.peer("bind")

MANY = " ".join(f"ip4:198.51.100.{number}" for number in range(180))
POST_ZONE = f"""
@ NS ns1.elsewhere.example.
rp TXT "v=spf1 ip4:192.0.2.1 -all"
s1._domainkey TXT "{key_record()}"
spf TXT "v=spf1 include:_a.post.test include:_b.post.test ~all"
_a TXT "v=spf1 ip4:192.0.2.0/25 ~all"
_b TXT "v=spf1 ip4:192.0.2.128/25 ip6:2001:db8::/32 ~all"
long TXT {" ".join(f'"{("v=spf1 " + MANY + " -all")[at : at + 200]}"' for at in range(0, len(MANY) + 12, 200))}
"""
SHOP_ZONE = """
@ NS ns1.elsewhere.example.
@ TXT "v=spf1 include:spf.post.test -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@shop.test"
bounce CNAME rp.post.test.
s1._domainkey CNAME s1._domainkey.post.test.
gone._domainkey CNAME gone.post.test.
send MX 10 feedback.post.test.
send TXT "v=spf1 include:spf.post.test ~all"
two MX 10 feedback.post.test.
two MX 20 mx.shop.test.
two TXT "v=spf1 include:spf.post.test ~all"
"""
KEY = Selector(name="s1", kind="CNAME", target="s1._domainkey.post.test")
NO_KEY = Selector(name="gone", kind="CNAME", target="gone.post.test")


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolver]:
    zones = {"shop.test": zone_text("shop.test", SHOP_ZONE), "post.test": zone_text("post.test", POST_ZONE)}
    bind = Bind(tmp_path_factory.mktemp("authority"), zones)
    bind.start()
    resolver = Resolver(tmp_path_factory.mktemp("resolver"), dict.fromkeys(zones, bind))
    resolver.start()
    yield resolver
    resolver.stop()
    bind.stop()


def checked(resolver: Resolver, *paths: ReturnPath, key: Selector = KEY, include: str = "spf.post.test") -> Cell:
    dns = ProviderDns(
        provider="post",
        envelope=EnvelopeOf.PROVIDER if paths else EnvelopeOf.SENDER,
        best=EnvelopeOf.CUSTOM,
        includes=(include,),
        return_paths=paths,
        selectors=(key,),
    )

    async def run() -> Cell:
        report = await check_all(["shop.test"], [dns], Remembered(resolver.lookup(), at_least=60))
        return report.cells[0]

    return asyncio.run(run())


def test_aliases_into_the_providers_zone_carry_both(lookup: Resolver, tmp_path: Path) -> None:
    cell = checked(lookup, ReturnPath(host="bounce.{d}", kind="CNAME", target="rp.post.test"))
    assert (cell.verdict, cell.envelope, cell.coverage) == ("both", "bounce.shop.test", "pass")
    seen = {(each.kind, each.name, each.value) for finding in cell.findings for each in finding.records}
    assert ("CNAME", "bounce.shop.test", "rp.post.test") in seen


def test_an_include_at_the_domain_itself_costs_its_nested_lookups(lookup: Resolver) -> None:
    cell = checked(lookup)
    assert (cell.verdict, cell.coverage, cell.lookups_total, cell.lookups_used) == ("both", "pass", 3, 3)


def test_a_return_path_with_exactly_one_mx_is_used(lookup: Resolver) -> None:
    cell = checked(lookup, ReturnPath(host="send.{d}", kind="MX+TXT", target="10 feedback.post.test / v=spf1 ~all"))
    assert (cell.verdict, cell.envelope) == ("both", "send.shop.test")


def test_a_return_path_with_two_is_not(lookup: Resolver) -> None:
    path = ReturnPath(host="two.{d}", kind="MX+TXT", target="10 feedback.post.test / v=spf1 ~all")
    cell = checked(lookup, path)
    assert cell.verdict == "dkim_only"
    wrong = next(each for each in cell.findings if each.check is Check.RETURN_PATH)
    assert "exactly one MX and has 2" in wrong.because


def test_an_alias_to_nothing_is_no_key(lookup: Resolver) -> None:
    cell = checked(lookup, key=NO_KEY)
    assert cell.verdict == "spf_only"
    assert "gone.post.test, where there is no key" in cell.because


def test_a_record_too_long_for_udp_is_read_whole(lookup: Resolver) -> None:
    cell = checked(lookup, include="long.post.test")
    assert cell.coverage == "missing"
    assert cell.verdict == "dkim_only"
