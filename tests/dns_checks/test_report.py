"""The verdict that matters, from whole zones: by what mail passes DMARC, and never `none` on a guess."""

import asyncio
import json
from typing import Any

import pytest
from dkim_keys import key_record
from fake_lookup import FakeLookup
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_checks.alignment import Passes
from dns_checks.answers import Found, Soa, Trouble, Unknown
from dns_checks.conventions import EnvelopeOf, ProviderDns, ReturnPath
from dns_checks.dkim import Selector
from dns_checks.findings import Check, Finding
from dns_checks.report import Also, Cell, Report, check_all

KEY = key_record()
SILENCE = Unknown(trouble=Trouble.SILENT, because="nobody answered")
POST = ProviderDns(
    provider="post",
    envelope=EnvelopeOf.SENDER,
    best=EnvelopeOf.SENDER,
    includes=("spf.post.example",),
    selectors=(Selector(name="s1"),),
)
SES = ProviderDns(
    provider="ses",
    envelope=EnvelopeOf.PROVIDER,
    best=EnvelopeOf.CUSTOM,
    includes=("spf.post.example",),
    return_paths=(ReturnPath(host="bounce.{d}", kind="TXT", target="v=spf1 include:spf.post.example ~all"),),
    selectors=(Selector(name="s1"),),
)
ZONE: dict[str, Any] = {
    "spf.post.example TXT": ["v=spf1 ip4:192.0.2.0/24 ~all"],
    "_dmarc.d.example TXT": ["v=DMARC1; p=reject; rua=mailto:dmarc@d.example"],
    "d.example TXT": ["v=spf1 include:spf.post.example -all"],
    "s1._domainkey.d.example TXT": [KEY],
}
NO_SPF = {"d.example TXT": ["v=spf1 -all"]}
NO_DKIM: dict[str, Any] = {"s1._domainkey.d.example TXT": []}


def report(changes: dict[str, Any] | None = None, *providers: ProviderDns, **more: Any) -> Report:
    return asyncio.run(check_all(["d.example"], providers or (POST,), FakeLookup(ZONE | (changes or {})), **more))


def cell(changes: dict[str, Any] | None = None, dns: ProviderDns = POST, **more: Any) -> Cell:
    return report(changes, dns, **more).cells[0]


def finding(of: Cell, check: Check) -> Finding:
    return next(each for each in of.findings if each.check is check)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Passes.BOTH),
        (NO_SPF, Passes.DKIM_ONLY),
        (NO_DKIM, Passes.SPF_ONLY),
        (NO_SPF | NO_DKIM, Passes.NONE),
        ({"d.example TXT": SILENCE} | NO_DKIM, Passes.UNKNOWN),
        ({"d.example TXT": SILENCE}, Passes.DKIM_ONLY),
        (NO_SPF | {"s1._domainkey.d.example TXT": SILENCE}, Passes.UNKNOWN),
    ],
)
def test_one_leg_that_passes_is_enough_and_only_two_that_fail_are_none(
    changes: dict[str, Any], verdict: Passes
) -> None:
    found = cell(changes)
    assert found.verdict is verdict, found.because
    assert found.silent == (verdict is Passes.UNKNOWN)


def test_a_hint_that_fails_is_unknown_and_alarms_nobody() -> None:
    hints = ProviderDns(
        provider="post",
        envelope=EnvelopeOf.SENDER,
        best=EnvelopeOf.SENDER,
        includes=("spf.post.example",),
        includes_verified=False,
        selectors=(Selector(name="s1", verified=False),),
    )
    found = cell(NO_SPF | NO_DKIM, hints)
    assert found.verdict is Passes.UNKNOWN
    assert not found.silent
    assert all(each.good for each in found.findings), found.findings


def test_an_envelope_of_the_providers_own_does_not_align() -> None:
    found = cell(None, SES)
    assert found.verdict is Passes.DKIM_ONLY
    assert found.envelope is None
    assert cell(NO_DKIM, SES).verdict is Passes.NONE
    advice = finding(found, Check.RETURN_PATH).advice
    assert advice == 'publish: bounce.d.example. TXT "v=spf1 include:spf.post.example ~all"'


RETURN_PATH = {"bounce.d.example TXT": ["v=spf1 include:spf.post.example ~all"]}


def test_a_return_path_below_the_domain_aligns_unless_alignment_is_strict() -> None:
    assert cell(RETURN_PATH, SES).verdict is Passes.BOTH
    strict = {"_dmarc.d.example TXT": ["v=DMARC1; p=reject; aspf=s"]}
    found = cell(RETURN_PATH | strict, SES)
    assert found.verdict is Passes.DKIM_ONLY
    assert "does not align strictly" in found.because


def test_a_seen_return_path_decides_over_the_convention() -> None:
    found = cell(RETURN_PATH, SES, seen={("d.example", "ses"): "eu.ses.example"})
    assert found.envelope == "eu.ses.example"
    assert found.verdict is Passes.DKIM_ONLY


def test_the_advice_is_the_whole_record_with_its_price() -> None:
    found = finding(cell({"d.example TXT": ["v=spf1 a mx ip4:198.51.100.1 -all"]}), Check.COVERAGE)
    assert found.advice == (
        'publish: d.example. TXT "v=spf1 a mx ip4:198.51.100.1 include:spf.post.example -all"'
        " (costs 1 DNS lookup more, 3 of 10 in all)"
    )


def test_advice_over_the_budget_says_so() -> None:
    record = " ".join(["v=spf1", *(f"a:h{number}.example" for number in range(10)), "~all"])
    hosts = {f"h{number}.example A": ["198.51.100.1"] for number in range(10)}
    hosts |= {f"h{number}.example AAAA": ["2001:db8::1"] for number in range(10)}
    found = finding(cell({"d.example TXT": [record], **hosts}), Check.COVERAGE)
    assert found.advice is not None
    assert "11 of 10 in all, more than the 10 allowed" in found.advice


def test_an_include_behind_all_is_moved_before_it() -> None:
    found = finding(cell({"d.example TXT": ["v=spf1 mx -all include:spf.post.example"]}), Check.COVERAGE)
    assert found.verdict == "shadowed"
    assert found.advice is not None
    assert '"v=spf1 mx include:spf.post.example -all"' in found.advice


def spf_faults(*texts: str, more: dict[str, Any] | None = None) -> dict[str, Finding]:
    found = report({"d.example TXT": list(texts), **(more or {})}).findings["d.example"]
    return {str(each.verdict): each for each in found if each.check is Check.SPF}


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        ("v=spf1 +all", "open"),
        ("v=spf1 ptr -all", "ptr"),
        ("v=spf1 -all ip4:192.0.2.1", "unreached"),
        ("v=spf1 ipv4:192.0.2.1 -all", "permerror"),
        ("v=spf1 include:nobody.example -all", "permerror"),
        ("v=spf1 include:empty.example -all", "useless"),
        ("v=spf1 include:spf.mtasv.net -all", "useless"),
        ("v=spf1 " + " ".join(f"ip4:192.0.2.{number}" for number in range(40)) + " -all", "large"),
        ("v=spf1 " + " ".join(f"ip4:192.0.2.{number}" for number in range(20)) + " -all", "long"),
        ("v=spf1 " + " ".join(f"a:h{number}.example" for number in range(11)) + " -all", "over_budget"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(record: str, verdict: str) -> None:
    more = {"empty.example TXT": ["v=spf1 ~all"], "spf.mtasv.net TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]}
    faults = spf_faults(record, more=more)
    assert verdict in faults, faults
    if verdict == "useless":
        assert "1 DNS lookup" in faults[verdict].because


def test_two_records_are_said() -> None:
    assert "2 SPF records" in spf_faults("v=spf1 -all", "v=spf1 ~all")["permerror"].because


def test_a_sound_record_has_no_faults() -> None:
    assert set(spf_faults("v=spf1 include:spf.post.example -all")) == {"ok"}


def test_nothing_is_asked_twice_that_a_memory_would_hold() -> None:
    found = report({}, POST, SES)
    assert [(each.provider, each.verdict) for each in found.cells] == [("post", Passes.BOTH), ("ses", Passes.DKIM_ONLY)]
    assert not found.broken
    assert report(NO_SPF | NO_DKIM).broken


def test_every_part_is_told_once() -> None:
    told: list[int] = []
    asyncio.run(check_all(["d.example", "e.example"], [POST, SES], FakeLookup(ZONE), told=lambda: told.append(1)))
    assert len(told) == 2 * (2 + 1)


def test_the_records_that_findings_rest_on_are_in_the_report() -> None:
    names = {(each.name, each.kind) for each in report().records}
    assert {("d.example", "TXT"), ("_dmarc.d.example", "TXT"), ("s1._domainkey.d.example", "TXT")} <= names
    assert Found(records=(KEY,), ttl=1).records[0] in {each.value for each in report().records}


words = st.sampled_from(["v=spf1", "v=DMARC1;", "p=reject;", "a", "mx", "-all", "include:d.example", "%{i}", "p=="])
texts = st.one_of(st.text(max_size=80), st.lists(words).map(" ".join))
names = st.sampled_from(
    ["d.example", "_dmarc.d.example", "s1._domainkey.d.example", "spf.post.example", "bounce.d.example"]
)


@given(st.dictionaries(names.map("{} TXT".format), st.lists(texts, max_size=3), max_size=5))
@settings(deadline=None)
def test_whatever_stands_in_the_dns_there_is_a_report(zone: dict[str, list[str]]) -> None:
    found = asyncio.run(check_all(["d.example"], [POST, SES], FakeLookup(zone)))
    assert len(found.cells) == 2
    assert json.dumps(found.body()).isprintable()


def test_a_key_that_has_reached_one_server_only_is_told_of_the_domain() -> None:
    def zone(serial: int, **more: Any) -> dict[str, Any]:
        soa = Soa(primary="ns1.d.example", contact="h", serial=serial, refresh=1, retry=1, expire=1, minimum=1)
        servers = {"ns1.d.example A": ["192.0.2.1"], "ns2.d.example A": ["198.51.100.1"]}
        names = {"d.example SOA": [soa], "d.example NS": ["ns1.d.example", "ns2.d.example"]}
        return {**ZONE, **servers, **names, **more}

    new, old = zone(8), zone(7, **NO_DKIM)
    servers = {"192.0.2.1": FakeLookup(new), "198.51.100.1": FakeLookup(old)}
    findings = report(new, also=Also(asking=servers.__getitem__)).findings["d.example"]
    (told,) = [each.because for each in findings if (each.check, each.verdict) == (Check.AUTHORITY, "disagree")]
    assert told == "a change of s1._domainkey.d.example TXT has not reached ns2.d.example [198.51.100.1]"
