"""Whose domain is in the envelope: what was seen, what was told, what the DNS shows, in this order."""

import asyncio
from typing import Any

import pytest
from fake_lookup import FakeLookup

from dns_checks.answers import Found, Mx, Trouble, Unknown
from dns_checks.catalogue import catalogue, find_entry
from dns_checks.conventions import EnvelopeOf, ProviderDns, ReturnPath, conventions_of
from dns_checks.envelope import Envelope, Known, find_envelope, judge_envelope

CNAME = ReturnPath(host="bounce.{d}", kind="CNAME", target="rp.post.example")
MX_TXT = ReturnPath(
    host="send.{d}", kind="MX+TXT", target="10 feedback.{region}.post.example / v=spf1 include:post.example ~all"
)


def post(*paths: ReturnPath, envelope: EnvelopeOf = EnvelopeOf.PROVIDER, **more: Any) -> ProviderDns:
    best = EnvelopeOf.CUSTOM
    return ProviderDns(provider="post", envelope=envelope, best=best, host="post.example", return_paths=paths, **more)


def found(dns: ProviderDns, zone: dict[str, Any], seen: str | None = None) -> Envelope:
    return asyncio.run(find_envelope("d.example", dns, FakeLookup(zone), seen=seen))


def alias(to: str, *texts: str) -> Any:
    return Found(records=texts, ttl=60, aliases=(to,))


class Lookup(FakeLookup):
    async def ask(self, name: str, kind: Any) -> Any:
        known = self._records.get(f"{name} {kind.name}")
        return known if isinstance(known, Found) else await super().ask(name, kind)


def aliased(dns: ProviderDns, answer: Any) -> Envelope:
    return asyncio.run(find_envelope("d.example", dns, Lookup({"bounce.d.example TXT": answer})))


def test_a_seen_return_path_outranks_what_was_configured() -> None:
    dns = post(CNAME, return_path="config.{d}")
    assert found(dns, {}, seen="Seen.Example.").domain == "seen.example"
    assert found(dns, {}).domain == "config.d.example"
    assert found(dns, {}).known is Known.CONFIGURED


def test_an_alias_to_the_provider_is_a_return_path_that_the_provider_keeps() -> None:
    envelope = aliased(post(CNAME), alias("rp.post.example", "v=spf1 ip4:192.0.2.1 -all"))
    assert (envelope.domain, envelope.known, envelope.managed) == ("bounce.d.example", Known.CONVENTION, True)


def test_an_alias_elsewhere_is_said_with_the_record_to_publish() -> None:
    envelope = aliased(post(CNAME), alias("rp.other.example", "v=spf1 -all"))
    assert envelope.known is Known.WRONG
    assert envelope.advice == "publish: bounce.d.example. CNAME rp.post.example."
    finding = judge_envelope("d.example", post(CNAME), envelope)
    assert finding is not None
    assert not finding.good


def test_without_a_return_path_the_envelope_is_the_providers_own() -> None:
    envelope = found(post(CNAME), {})
    assert (envelope.domain, envelope.known) == (None, Known.PROVIDER)
    assert envelope.advice == "publish: bounce.d.example. CNAME rp.post.example."


def test_a_label_of_the_accounts_own_choice_says_nothing_by_its_absence() -> None:
    free = ReturnPath(host="bounce.{d}", kind="CNAME", target="rp.post.example", free=True)
    starred = ReturnPath(host="em*.{d}", kind="CNAME", target="u*.post.example")
    assert found(post(free), {}).known is Known.UNTOLD
    assert found(post(starred), {}).known is Known.UNTOLD


def test_under_a_label_of_free_choice_something_else_is_no_mistake() -> None:
    free = ReturnPath(host="bounce.{d}", kind="CNAME", target="rp.post.example", free=True)
    assert aliased(post(free), alias("rp.other.example", "v=spf1 -all")).known is Known.UNTOLD


def test_silence_of_the_dns_is_no_missing_return_path() -> None:
    silence = Unknown(trouble=Trouble.SILENT, because="nobody answered")
    assert found(post(CNAME), {"bounce.d.example TXT": silence}).known is Known.SILENT


@pytest.mark.parametrize(
    ("exchangers", "texts", "fault"),
    [
        ([Mx(preference=10, host="feedback.eu.post.example")], ["v=spf1 -all"], None),
        ([], ["v=spf1 -all"], "exactly one MX and has none"),
        (
            [Mx(preference=n, host="feedback.eu.post.example") for n in (10, 20)],
            ["v=spf1 -all"],
            "exactly one MX and has 2",
        ),
        ([Mx(preference=10, host="mail.d.example")], ["v=spf1 -all"], "is mail.d.example and not"),
        ([Mx(preference=10, host="feedback.eu.post.example")], [], "has no SPF record"),
    ],
)
def test_a_return_path_of_its_own_needs_exactly_one_mx_and_a_record(
    exchangers: list[Mx], texts: list[str], fault: str | None
) -> None:
    envelope = found(post(MX_TXT), {"send.d.example MX": exchangers, "send.d.example TXT": texts})
    if fault is None:
        assert (envelope.domain, envelope.known) == ("send.d.example", Known.CONVENTION)
    else:
        assert envelope.known is Known.WRONG
        assert fault in envelope.because


def test_a_domain_registered_at_the_provider_is_used_where_no_other_is_set_up() -> None:
    dns = post(
        ReturnPath(host="mg.{d}", kind="TXT", target="v=spf1 include:post.example ~all"), envelope=EnvelopeOf.DOMAIN
    )
    assert found(dns, {}).domain == "d.example"
    assert found(dns, {"mg.d.example TXT": ["v=spf1 include:post.example ~all"]}).domain == "mg.d.example"


def test_every_entry_of_the_catalogue_gives_conventions() -> None:
    for entry in catalogue().values():
        dns = conventions_of(entry, region="eu-west-1")
        for path in dns.return_paths:
            assert path.kind in {"CNAME", "TXT", "MX+TXT"}
            assert "{region}" not in path.target


def test_facts_without_a_source_are_hints() -> None:
    assert conventions_of(find_entry("sendgrid")).envelope_verified
    assert not conventions_of(find_entry("smtp2go")).envelope_verified
    assert not conventions_of(find_entry("smtp2go")).includes_verified
    assert not conventions_of(find_entry("netcore")).selectors[0].verified
    assert conventions_of(find_entry("netcore"), selectors=["mine"]).selectors[0].verified


def test_the_target_of_a_return_path_may_have_the_accounts_parts_in_it() -> None:
    (path, *_) = conventions_of(find_entry("sendgrid")).return_paths
    assert path.leads_to("u922094.wl095.sendgrid.net", "d.example")
    assert not path.leads_to("u922094.wl095.sendgrid.net.evil.example", "d.example")
