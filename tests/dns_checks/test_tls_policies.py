"""MTA-STS, TLS-RPT and DANE: optional, and wrong only where they are announced and do not hold."""

import asyncio
from typing import Any

import pytest
from fake_lookup import FakeLookup
from hypothesis import given
from hypothesis import strategies as st

from dns_checks.answers import Mx, Tlsa, Trouble, Unknown
from dns_checks.findings import Check, Finding
from dns_checks.tls_policies import Fetched, check_tls_policies, read_policy
from mailover.core.events import Severity

SERVFAIL = Unknown(trouble=Trouble.SERVFAIL, because="the server said SERVFAIL")
POLICY = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.backup.example\nmax_age: 604800\n"
DIGEST = "ab" * 32
BASE: dict[str, Any] = {
    "example.com MX": [
        Mx(preference=10, host="MX1.example.com"),
        Mx(preference=20, host="one.backup.example"),
    ],
    "_mta-sts.example.com TXT": ["v=STSv1; id=20261121;"],
    "_smtp._tls.example.com TXT": ["v=TLSRPTv1; rua=mailto:tls@example.com,https://r.example/in"],
    "_25._tcp.mx1.example.com TLSA": [Tlsa(usage=3, selector=1, matching=1, data=DIGEST)],
    "_25._tcp.one.backup.example TLSA": [Tlsa(usage=2, selector=0, matching=1, data=DIGEST)],
}


def found(records: dict[str, Any], check: Check, policy: str | None = POLICY) -> list[Finding]:
    async def fetch(domain: str) -> Fetched:
        assert domain == "example.com"
        return Fetched(text=policy, because="404 Not Found")

    findings = asyncio.run(check_tls_policies("Example.com", FakeLookup(records), fetch=fetch))
    return [finding for finding in findings if finding.check is check]


def first(records: dict[str, Any], check: Check, policy: str | None = POLICY) -> tuple[str, Severity | None]:
    finding = found(BASE | records, check, policy)[0]
    return finding.verdict, finding.severity


def test_all_three_may_be_good() -> None:
    for check in (Check.MTA_STS, Check.TLS_RPT, Check.DANE):
        assert first({}, check) == ("good", None)


def test_none_of_them_is_a_remark() -> None:
    for check in (Check.MTA_STS, Check.TLS_RPT, Check.DANE):
        (finding,) = found({"example.com MX": BASE["example.com MX"]}, check)
        assert (finding.verdict, finding.severity) == ("missing", Severity.INFO)


def test_what_nobody_answers_is_unknown() -> None:
    assert first({"_mta-sts.example.com TXT": SERVFAIL}, Check.MTA_STS) == ("unknown", Severity.INFO)
    assert first({"_smtp._tls.example.com TXT": SERVFAIL}, Check.TLS_RPT) == ("unknown", Severity.INFO)
    assert first({"_25._tcp.mx1.example.com TLSA": SERVFAIL}, Check.DANE) == ("unknown", Severity.INFO)
    assert first({"example.com MX": SERVFAIL}, Check.DANE) == ("unknown", Severity.INFO)


def test_a_policy_that_forgets_a_mail_exchanger_loses_mail() -> None:
    without = POLICY.replace("mx: *.backup.example\n", "")
    (finding,) = found(BASE, Check.MTA_STS, without)
    assert (finding.verdict, finding.severity) == ("mismatch", Severity.CRITICAL)
    assert "one.backup.example" in finding.because
    assert finding.advice == "add to the policy: mx: one.backup.example; then change id= at _mta-sts.example.com"
    assert first({}, Check.MTA_STS, without.replace("enforce", "testing")) == ("mismatch", Severity.WARNING)
    assert first({}, Check.MTA_STS, without.replace("enforce", "none")) == ("good", None)


@pytest.mark.parametrize(
    ("records", "policy", "verdict"),
    [
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], POLICY, "duplicate"),
        (["v=STSv1;"], POLICY, "malformed"),
        (["v=STSv1; id=2026-11-21"], POLICY, "malformed"),
        (["v=STSv1; id=1", "something else"], POLICY, "good"),
        (["v=STSv1; id=1"], None, "no_policy"),
        (["v=STSv1; id=1"], POLICY.replace("604800", "60"), "brief"),
        (["v=STSv1; id=1"], POLICY.replace("604800", "forever"), "malformed"),
        (["v=STSv1; id=1"], POLICY.replace("enforce", "strict"), "malformed"),
        (["v=STSv1; id=1"], "<html>", "malformed"),
        (["v=STSv1; id=1"], POLICY.replace("\n", "\r\n"), "good"),
    ],
)
def test_a_policy_is_read_as_senders_read_it(records: list[str], policy: str | None, verdict: str) -> None:
    assert first({"_mta-sts.example.com TXT": records}, Check.MTA_STS, policy)[0] == verdict


def test_without_somebody_who_can_fetch_the_policy_is_only_announced() -> None:
    findings = asyncio.run(check_tls_policies("example.com", FakeLookup(BASE)))
    assert [(each.verdict, each.severity) for each in findings if each.check is Check.MTA_STS] == [("announced", None)]


def test_a_wildcard_in_a_policy_stands_for_one_label() -> None:
    policy = read_policy(POLICY)
    assert policy.covers("One.Backup.example")
    assert not policy.covers("a.one.backup.example")
    assert not policy.covers("backup.example")


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        (["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@d.example"], "duplicate"),
        (["v=TLSRPTv1"], "malformed"),
        (["v=TLSRPTv1; rua=a@b.example"], "malformed"),
        (["v=spf1 -all"], "missing"),
    ],
)
def test_reports_of_tls_need_one_record_with_addresses(texts: list[str], verdict: str) -> None:
    assert first({"_smtp._tls.example.com TXT": texts}, Check.TLS_RPT)[0] == verdict


@pytest.mark.parametrize(
    ("record", "because"),
    [
        (Tlsa(usage=1, selector=1, matching=1, data=DIGEST), "usage 1"),
        (Tlsa(usage=3, selector=7, matching=1, data=DIGEST), "selector 7"),
        (Tlsa(usage=3, selector=1, matching=9, data=DIGEST), "matching type 9"),
        (Tlsa(usage=3, selector=1, matching=2, data=DIGEST), "128 digits"),
    ],
)
def test_a_tlsa_record_that_mail_cannot_use_is_critical(record: Tlsa, because: str) -> None:
    (finding,) = found(BASE | {"_25._tcp.mx1.example.com TLSA": [record]}, Check.DANE)
    assert (finding.verdict, finding.severity) == ("malformed", Severity.CRITICAL)
    assert because in finding.because


def test_dane_on_some_exchangers_only_is_a_way_around_it() -> None:
    records = {name: value for name, value in BASE.items() if "one.backup" not in name}
    (finding,) = found(records, Check.DANE)
    assert (finding.verdict, finding.severity) == ("partial", Severity.WARNING)
    assert "one.backup.example" in finding.because


@given(st.text())
def test_any_text_is_read_as_a_policy(text: str) -> None:
    assert read_policy(text).max_age >= 0
