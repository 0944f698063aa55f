"""DMARC: which record holds for a domain, what it asks, and what of it nobody obeys."""

import asyncio
from typing import Any

import pytest
from fake_lookup import FakeLookup
from hypothesis import given
from hypothesis import strategies as st

from dns_checks.answers import Absent, Trouble, Unknown
from dns_checks.dmarc import Dmarc, check_dmarc, look_up_dmarc
from dns_checks.dmarc_record import Policy, is_dmarc, read_record, softened
from dns_checks.findings import Finding
from dns_checks.tree_walk import is_aligned, organization_of, walk
from mailover.core.events import Severity

SERVFAIL = Unknown(trouble=Trouble.SERVFAIL, because="the server said SERVFAIL")
REPORTS = "rua=mailto:dmarc@example.com"


def dns(**records: Any) -> FakeLookup:
    """Records at `_dmarc.` of a domain, its dots written as two underscores."""
    return FakeLookup({f"_dmarc.{name.replace('__', '.')} TXT": value for name, value in records.items()})


def found(lookup: FakeLookup, domain: str = "example.com") -> tuple[Finding, ...]:
    return asyncio.run(check_dmarc(domain, lookup))


def dmarc_of(lookup: FakeLookup, domain: str) -> Dmarc:
    return asyncio.run(look_up_dmarc(domain, lookup))


def words(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.verdict for finding in findings]


def test_a_policy_that_rejects_is_as_it_should_be() -> None:
    (finding,) = found(dns(example__com=[f"v=DMARC1; p=reject; {REPORTS}"]))
    assert (finding.verdict, finding.severity, finding.advice) == ("reject", None, None)
    assert finding.because == "mail from example.com that passes neither SPF nor DKIM in alignment is rejected"
    assert finding.records[0].name == "_dmarc.example.com"


def test_no_policy_at_all_says_what_to_publish() -> None:
    (finding,) = found(dns())
    assert (finding.verdict, finding.severity) == ("missing", Severity.CRITICAL)
    assert finding.advice == 'publish: _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"'


def test_what_nobody_answers_is_unknown_and_not_missing() -> None:
    (finding,) = found(dns(example__com=SERVFAIL))
    assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
    assert "SERVFAIL" in finding.because


def test_an_own_record_holds_whatever_is_unknown_above_it() -> None:
    lookup = dns(news__example__com=[f"v=DMARC1; p=quarantine; {REPORTS}"], example__com=SERVFAIL)
    assert dmarc_of(lookup, "news.example.com").policy is Policy.QUARANTINE


def test_an_unknown_station_on_the_way_leaves_the_policy_unknown() -> None:
    lookup = dns(news__example__com=SERVFAIL, example__com=["v=DMARC1; p=reject"])
    assert dmarc_of(lookup, "news.example.com").unknown == SERVFAIL


def test_a_policy_of_none_is_a_beginning() -> None:
    (finding,) = found(dns(example__com=[f"v=DMARC1; p=none; {REPORTS}"]))
    assert (finding.verdict, finding.severity) == ("none", Severity.INFO)
    assert "p=quarantine" in (finding.advice or "")


def test_two_records_are_none() -> None:
    (finding,) = found(dns(example__com=["v=DMARC1; p=reject", "v=DMARC1; p=none"]))
    assert (finding.verdict, finding.severity) == ("duplicate", Severity.CRITICAL)
    assert "2 DMARC records" in finding.because


def test_another_record_beside_it_does_no_harm() -> None:
    assert words(found(dns(example__com=["v=spf1 -all", f"v=DMARC1; p=reject; {REPORTS}"]))) == ["reject"]


@pytest.mark.parametrize("text", ["v=dmarc1; p=none", "v=DMARC2; p=none", '"v=DMARC1; p=none"', " v=DMARC1; p=none"])
def test_what_was_meant_as_a_policy_is_named(text: str) -> None:
    findings = found(dns(example__com=[text]))
    assert words(findings) == ["missing", "malformed"]
    assert "not read as DMARC" in findings[1].because


def test_a_subdomain_inherits_what_is_meant_for_it() -> None:
    lookup = FakeLookup(
        {
            "_dmarc.example.com TXT": [f"v=DMARC1; p=none; sp=quarantine; np=reject; adkim=s; {REPORTS}"],
            "news.example.com TXT": ["anything"],
        }
    )
    news, ghost = dmarc_of(lookup, "News.Example.com."), dmarc_of(lookup, "ghost.example.com")
    assert (news.policy, news.found_at, news.organization) == (Policy.QUARANTINE, "example.com", "example.com")
    assert ghost.policy is Policy.REJECT
    assert (news.strict_dkim, news.strict_spf) == (True, False)
    assert dmarc_of(lookup, "example.com").policy is Policy.NONE
    (finding,) = found(lookup, "news.example.com")
    assert "(from the record of example.com)" in finding.because
    assert "alignment of DKIM is strict" in finding.because


def test_the_nearest_record_between_is_not_the_policy_but_the_organizations_is() -> None:
    lookup = dns(b__example__com=["v=DMARC1; p=reject"], example__com=["v=DMARC1; p=none"])
    assert dmarc_of(lookup, "a.b.example.com").found_at == "example.com"


def test_the_walk_asks_eight_names_at_most() -> None:
    lookup = dns()
    asyncio.run(walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", lookup))
    assert lookup.asked == [
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com TXT",
        "_dmarc.g.h.i.j.mail.example.com TXT",
        "_dmarc.h.i.j.mail.example.com TXT",
        "_dmarc.i.j.mail.example.com TXT",
        "_dmarc.j.mail.example.com TXT",
        "_dmarc.mail.example.com TXT",
        "_dmarc.example.com TXT",
        "_dmarc.com TXT",
    ]


@pytest.mark.parametrize(
    ("records", "domain", "organization"),
    [
        ({"example__com": "p=none"}, "a.mail.example.com", "example.com"),
        ({"mail__example__com": "p=none", "example__com": "p=none"}, "a.mail.example.com", "example.com"),
        ({"mail__example__com": "p=none; psd=n", "example__com": "p=none"}, "a.mail.example.com", "mail.example.com"),
        ({"co__test": "p=none; psd=y"}, "a.mail.giant.co.test", "giant.co.test"),
        ({"co__test": "p=none; psd=y"}, "co.test", "co.test"),
        ({"co__test": "p=none; psd=y", "giant__co__test": "p=none"}, "giant.co.test", "giant.co.test"),
        ({}, "a.mail.example.com", "a.mail.example.com"),
        ({"mail__example__com": "p=none; psd=y", "example__com": "p=none"}, "mail.example.com", "mail.example.com"),
    ],
)
def test_the_organization_is_found_without_a_list_of_suffixes(
    records: dict[str, str], domain: str, organization: str
) -> None:
    lookup = dns(**{name: [f"v=DMARC1; {text}"] for name, text in records.items()})
    assert asyncio.run(organization_of(domain, lookup)) == organization


def test_a_public_suffix_speaks_for_those_below_it_that_say_nothing() -> None:
    lookup = dns(bank=["v=DMARC1; p=reject; psd=y; sp=quarantine"])
    dmarc = dmarc_of(lookup, "mail.giant.bank")
    assert (dmarc.policy, dmarc.found_at, dmarc.organization) == (Policy.QUARANTINE, "bank", "giant.bank")


@pytest.mark.parametrize(
    ("author", "other", "strict", "aligned"),
    [
        ("example.com", "EXAMPLE.com.", True, True),
        ("example.com", "mail.example.com", False, True),
        ("example.com", "mail.example.com", True, False),
        ("news.example.com", "bounce.example.com", False, True),
        ("example.com", "example.org", False, False),
        ("one.com", "two.com", False, False),
    ],
)
def test_alignment_is_of_organizations_unless_it_is_strict(
    author: str, other: str, strict: bool, aligned: bool
) -> None:
    lookup = dns(example__com=["v=DMARC1; p=none"])
    assert asyncio.run(is_aligned(author, other, lookup, strict=strict)) is aligned


def test_without_any_record_a_subdomain_is_its_own_organization() -> None:
    assert asyncio.run(is_aligned("example.com", "mail.example.com", dns(), strict=False)) is False


def test_alignment_over_an_unknown_name_is_unknown() -> None:
    lookup = dns(example__com=SERVFAIL)
    assert asyncio.run(is_aligned("example.com", "mail.example.com", lookup, strict=False)) == SERVFAIL


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v=DMARC1; p=reject; sp=rejct; rua=mailto:a@example.com", "sp= must be none, quarantine or reject"),
        ("v=DMARC1; rua=mailto:a@example.com", "p= is missing"),
        ("v=DMARC1; p=none; adkim=x", "adkim= must be r or s"),
        ("v=DMARC1; p=none; t=maybe", "t= must be n or y"),
        ("v=DMARC1; p=none; pct=101", "pct= must be a number"),
        ("v=DMARC1; p=none; rua=dmarc@example.com", "rua= has an address without mailto:"),
        ("v=DMARC1; p=none; rua=https://example.com/", "rua= wants mailto: addresses"),
        ("v=DMARC1; p=none; rua=mailto:nobody", "rua= has something that is no address"),
        ("v=DMARC1; p=none; p=reject", "the tag p= is there twice"),
        ("v=DMARC1; p=none; colour=blue", "the tag colour= is not known"),
        ("v=DMARC1; p=none, rua=mailto:a@example.com", "p= must be"),
    ],
)
def test_what_is_wrong_in_a_record_is_said(text: str, problem: str) -> None:
    assert any(problem in each for each in read_record(text).problems)


def test_a_flaw_beside_a_sound_policy_is_a_warning() -> None:
    findings = found(dns(example__com=[f"v=DMARC1; p=reject; adkim=x; {REPORTS}"]))
    assert [(each.verdict, each.severity) for each in findings] == [("reject", None), ("flawed", Severity.WARNING)]
    assert findings[1].because == "in the DMARC record of example.com adkim= must be r or s"


def test_a_wrong_policy_means_none_with_reports_and_nothing_without() -> None:
    with_reports = dmarc_of(dns(example__com=["v=DMARC1; p=rejekt; rua=mailto:a@example.com"]), "example.com")
    assert with_reports.policy is Policy.NONE
    (finding, *_) = found(dns(example__com=["v=DMARC1; p=rejekt"]))
    assert (finding.verdict, finding.severity) == ("malformed", Severity.CRITICAL)
    assert dmarc_of(dns(example__com=["v=DMARC1; p=reject; sp=no; rua=mailto:a@b.c"]), "example.com").policy is (
        Policy.NONE
    )


def test_legacy_records_are_read_and_their_lost_tags_named() -> None:
    record = read_record("V = DMARC1 ; P=Quarantine ; PCT=20; RF=afrf; ri=86400; fo=1; rua=mailto:a@b.example!10m")
    assert (record.policy, record.percent, record.reports_to) == (Policy.QUARANTINE, 20, ("a@b.example",))
    assert record.problems == ()
    findings = found(dns(example__com=[f"v=DMARC1; p=reject; pct=20; {REPORTS}"]))
    assert words(findings) == ["reject", "obsolete"]
    assert "older receivers apply that to 20 % of it" in findings[0].because
    assert findings[1].advice == "take pct= out"


def test_a_policy_under_test_is_one_step_softer() -> None:
    (finding,) = found(dns(example__com=[f"v=DMARC1; p=reject; t=y; {REPORTS}"]))
    assert "as a test (t=y) it is filed as spam" in finding.because
    assert [softened(policy) for policy in Policy] == [Policy.NONE, Policy.NONE, Policy.QUARANTINE]


def test_a_policy_that_tells_nobody_is_remarked_on() -> None:
    assert words(found(dns(example__com=["v=DMARC1; p=reject"]))) == ["reject", "silent"]


def test_reports_to_somebody_else_need_their_leave() -> None:
    text = "v=DMARC1; p=reject; rua=mailto:d@reports.example,mailto:x@news.example.com"
    findings = found(dns(example__com=[text]))
    assert words(findings) == ["reject", "unwanted"]
    assert findings[1].advice == 'have published: example.com._report._dmarc.reports.example. TXT "v=DMARC1"'
    allowed = {"_dmarc.example.com TXT": [text], "example.com._report._dmarc.reports.example TXT": ["v=DMARC1;"]}
    assert words(found(FakeLookup(allowed))) == ["reject"]
    unsure = {"_dmarc.example.com TXT": [text], "example.com._report._dmarc.reports.example TXT": SERVFAIL}
    assert [finding.severity for finding in found(FakeLookup(unsure))] == [None, Severity.INFO]


def test_a_name_that_exists_without_records_is_no_ghost() -> None:
    lookup = FakeLookup(
        {"_dmarc.example.com TXT": ["v=DMARC1; p=none; np=reject"], "news.example.com TXT": Absent(exists=True)}
    )
    assert dmarc_of(lookup, "news.example.com").policy is Policy.NONE


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert read_record(f"v=DMARC1;{text}").text.startswith("v=DMARC1")
    assert is_dmarc(text) in {True, False}
