"""DKIM keys: what is good, what verifiers refuse, and what is only not known."""

import asyncio
import base64
import contextlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fake_lookup import FakeLookup
from hypothesis import given
from hypothesis import strategies as st

from dns_checks.answers import TXT, Absent, Answer, Found, Kind, R, Trouble, Unknown
from dns_checks.dkim import Selector, check_dkim, judge_keys, look_up_key
from dns_checks.dkim_key import KeyState, read_key
from dns_checks.findings import Finding
from dns_checks.public_keys import read_rsa_key
from mailover.core.events import Severity

DER, SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
PKCS1 = serialization.PublicFormat.PKCS1
AT = "s1._domainkey.example.com TXT"


def rsa_der(bits: int, form: serialization.PublicFormat = SPKI) -> bytes:
    return rsa.generate_private_key(65537, bits).public_key().public_bytes(DER, form)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


# cryptography makes nothing shorter than 1024 bits any more; a real key of 512 bits, whose other half is lost.
SHORT = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM4MBzwPM5g4RqemzCwPhgJbN4p4943nU2H9TYHnwn9aO3XQ"
    "dI9ia629nA9ir28O3KzzdeV1M6TT/83+D3/URq8CAwEAAQ=="
)
WEAK, FINE = text_of(rsa_der(1024)), text_of(rsa_der(2048))
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
ED25519 = text_of(EDWARDS.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


class Aliased:
    """Every name is an alias of `target`, which has these records."""

    def __init__(self, target: str, *records: str) -> None:
        self._target = target
        self._records = records

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        records: tuple[Any, ...] = self._records
        if not records:
            return Absent(exists=False, aliases=(self._target,))
        return Found(records=records, ttl=300, aliases=(self._target,))


def checked(records: dict[str, Any], *selectors: Selector, provider: str | None = "postmark") -> Finding:
    wanted = selectors or (Selector(name="s1"),)
    (finding,) = asyncio.run(check_dkim("Example.com", wanted, FakeLookup(records), provider=provider))
    return finding


@pytest.mark.parametrize(
    ("text", "state", "because"),
    [
        (f"v=DKIM1; k=rsa; p={FINE}", KeyState.GOOD, "an RSA key of 2048 bits"),
        (f"p={FINE}", KeyState.GOOD, "2048"),
        (f"v=DKIM1;p={FINE[:60]} {FINE[60:]};", KeyState.GOOD, "2048"),
        (f"v=DKIM1; t=s; s=email; h=sha1:sha256; n=ours; p={FINE}", KeyState.GOOD, "2048"),
        (f"v=DKIM1; k=ed25519; p={ED25519}", KeyState.GOOD, "Ed25519"),
        (f"v=DKIM1; p={WEAK}", KeyState.WEAK, "1024 bits, fewer than the 2048"),
        (f"v=DKIM1; p={SHORT}", KeyState.TOO_SHORT, "512 bits: receivers take 1024 or more"),
        (f"v=DKIM1; p={text_of(rsa_der(4224))}", KeyState.WEAK, "need not take more than 4096"),
        (f"v=DKIM1; p={text_of(rsa_der(2048, PKCS1))}", KeyState.WEAK, "SubjectPublicKeyInfo"),
        (f"v=DKIM1; t=y:s; p={FINE}", KeyState.TESTING, "t=y"),
        ("v=DKIM1; p=", KeyState.REVOKED, "revoked"),
        ("v=DKIM1; k=rsa; p= ;", KeyState.REVOKED, "revoked"),
        (f"v=DKIM1; s=tlsrpt; p={FINE}", KeyState.RESTRICTED, "not for mail"),
        (f"v=DKIM1; h=sha1; p={FINE}", KeyState.RESTRICTED, "SHA-256"),
        (f"v=DKIM2; p={FINE}", KeyState.MALFORMED, "not DKIM1"),
        (f"k=rsa; v=DKIM1; p={FINE}", KeyState.MALFORMED, "first"),
        (f"v=DKIM1; p={FINE}; p={FINE}", KeyState.MALFORMED, "twice"),
        (f"v=DKIM1; k=rsa p={FINE}", KeyState.MALFORMED, "no p="),
        (f"v=DKIM1; k=dsa; p={FINE}", KeyState.MALFORMED, "k=dsa"),
        (f"v=DKIM1; p={FINE[:-40]}", KeyState.MALFORMED, "cut short"),
        (f"v=DKIM1; p={FINE[:-3]}", KeyState.MALFORMED, "no base64"),
        (f'"v=DKIM1; p={FINE}"', KeyState.MALFORMED, "malformed"),
        (f"v=DKIM1; k=ed25519; p={text_of(EDWARDS.public_bytes(DER, SPKI))}", KeyState.MALFORMED, "32 bare bytes"),
        ("v=spf1 -all", KeyState.MALFORMED, "no p="),
        ("", KeyState.MALFORMED, "no p="),
    ],
)
def test_a_key_is_worth_what_verifiers_make_of_it(text: str, state: KeyState, because: str) -> None:
    key = read_key(text)
    assert key.state is state
    assert because in key.because


def test_a_key_of_another_kind_is_not_measured_as_rsa() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(DER, SPKI)
    assert "something else than RSA" in read_key(f"p={text_of(other)}").because


@pytest.mark.parametrize("bits", [1024, 1031, 2048, 3072, 4096])
def test_the_length_of_a_key_is_that_of_its_modulus(bits: int) -> None:
    assert read_rsa_key(rsa_der(bits)).bits == bits
    assert read_rsa_key(rsa_der(bits, PKCS1)).bits == bits


@given(st.binary(max_size=400))
def test_any_bytes_are_a_key_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert read_rsa_key(data).bits > 0


@given(st.integers(0, 293), st.integers(0, 255))
def test_a_damaged_key_is_a_key_or_a_value_error(at: int, byte: int) -> None:
    data = bytearray(base64.b64decode(FINE))
    data[at] = byte
    with contextlib.suppress(ValueError):
        assert read_rsa_key(bytes(data)).bits <= 8 * len(data)


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert read_key(text).because


def test_a_good_key_is_a_finding_without_severity() -> None:
    finding = checked({AT: [f"v=DKIM1; p={FINE}"]})
    assert (finding.domain, finding.provider, finding.check) == ("example.com", "postmark", "dkim")
    assert (finding.verdict, finding.severity, finding.advice) == ("good", None, None)
    assert finding.because == "s1._domainkey.example.com is an RSA key of 2048 bits"
    assert finding.records[0].value.startswith("v=DKIM1; p=")


def test_a_missing_key_is_critical_and_says_what_to_publish() -> None:
    finding = checked({}, Selector(name="mte1", kind="CNAME", target="dkim1.mandrillapp.com"))
    assert (finding.verdict, finding.severity) == ("missing", Severity.CRITICAL)
    assert finding.advice == "publish: mte1._domainkey.example.com. CNAME dkim1.mandrillapp.com."


def test_a_key_that_nobody_could_answer_for_is_unknown_and_not_missing() -> None:
    finding = checked({AT: Unknown(trouble=Trouble.SERVFAIL, because="it said SERVFAIL")})  # type: ignore[dict-item]
    assert (finding.verdict, finding.severity) == ("unknown", Severity.WARNING)
    assert "SERVFAIL" in finding.because


def test_an_alias_that_never_ends_is_certainly_no_key() -> None:
    loop: Any = Unknown(trouble=Trouble.LOOP, because="its aliases (CNAME) never end")
    finding = checked({AT: loop})
    assert (finding.verdict, finding.severity) == ("missing", Severity.CRITICAL)
    assert "never ends" in finding.because


def test_two_records_are_no_key() -> None:
    finding = checked({AT: [f"v=DKIM1; p={FINE}", f"v=DKIM1; p={WEAK}"]})
    assert (finding.verdict, finding.severity) == ("duplicate", Severity.CRITICAL)
    assert finding.advice == "leave only the provider's present key"


def test_an_alias_to_nowhere_names_where_it_leads() -> None:
    selector = Selector(name="s1", kind="CNAME", target="s1.domainkey.u*.wl*.sendgrid.net")
    key = asyncio.run(look_up_key("example.com", selector, Aliased("s1.domainkey.u1.wl2.sendgrid.net")))
    assert key.state is KeyState.MISSING
    assert "leads to s1.domainkey.u1.wl2.sendgrid.net, where there is no key" in key.because
    assert key.seen[0].kind == "CNAME"


def test_an_alias_to_the_provider_is_good() -> None:
    selector = Selector(name="s1", kind="CNAME", target="s1.domainkey.u*.wl*.sendgrid.net")
    lookup = Aliased("s1.domainkey.U1.wl2.sendgrid.net", f"v=DKIM1; p={FINE}")
    key = asyncio.run(look_up_key("example.com", selector, lookup))
    assert key.state is KeyState.GOOD
    assert [seen.kind for seen in key.seen] == ["CNAME", "TXT"]


def test_an_alias_to_somebody_else_is_said_though_its_key_works() -> None:
    selector = Selector(name="s1", kind="CNAME", target="dkim.smtp2go.net")
    key = asyncio.run(look_up_key("example.com", selector, Aliased("dkim.elsewhere.net", f"v=DKIM1; p={FINE}")))
    finding = judge_keys("example.com", [selector], [key])
    assert (finding.verdict, finding.severity) == ("misplaced", Severity.WARNING)
    assert "leads to dkim.elsewhere.net and not to dkim.smtp2go.net" in finding.because


@pytest.mark.parametrize(
    ("target", "name", "leads"),
    [
        ("s1.domainkey.u*.wl*.sendgrid.net", "s1.domainkey.u922094.wl095.sendgrid.net", True),
        ("s1.domainkey.u*.wl*.sendgrid.net", "s1.domainkey.sendgrid.net", False),
        ("b1.<d-with-dashes>.dkim.brevo.com", "b1.example-com.dkim.brevo.com", True),
        ("fm1.{d}.dkim.fmhosted.com", "FM1.example.com.dkim.fmhosted.com", True),
        ("fm1.{d}.dkim.fmhosted.com", "fm1.other.com.dkim.fmhosted.com", False),
        ("dkimXmandrillapp.com", "dkim.mandrillapp.com", False),
        ("selector2-...", "anything.example", True),
        ("", "anything.example", True),
    ],
)
def test_a_target_with_placeholders_is_matched(target: str, name: str, leads: bool) -> None:
    assert Selector(name="s", kind="CNAME", target=target).leads_to(name, "example.com") is leads


def test_of_two_ways_to_publish_only_the_one_taken_is_expected() -> None:
    # Brevo: two CNAMEs, or one key at another selector.
    ways = [Selector(name="b1", kind="CNAME"), Selector(name="b2", kind="CNAME"), Selector(name="mail")]
    assert checked({"mail._domainkey.example.com TXT": [f"p={FINE}"]}, *ways).verdict == "good"
    half = checked({"b1._domainkey.example.com TXT": [f"p={FINE}"]}, *ways)
    assert (half.verdict, half.severity) == ("partial", Severity.WARNING)
    assert "b2._domainkey.example.com is not in the DNS" in half.because


def test_a_selector_that_differs_by_account_must_be_configured() -> None:
    finding = checked({}, Selector(name="<date>pm"))
    assert (finding.verdict, finding.severity) == ("unknown", Severity.INFO)
    assert "<date>pm" in finding.because
    assert checked({}, Selector(name="3 random tokens per identity")).verdict == "unknown"


def test_a_guessed_selector_is_never_ground_for_an_alert() -> None:
    finding = checked({}, Selector(name="s1", verified=False))
    assert (finding.verdict, finding.severity) == ("missing", Severity.INFO)
    assert "guess" in finding.because


def test_ed25519_alone_is_good_with_a_word_of_advice() -> None:
    finding = checked({AT: [f"v=DKIM1; k=ed25519; p={ED25519}"]})
    assert (finding.verdict, finding.severity) == ("good", Severity.INFO)
    assert finding.advice == "publish an RSA key beside it"


def test_one_known_key_is_good_whatever_the_other_is() -> None:
    unknown: Any = Unknown(trouble=Trouble.SILENT, because="nobody answered")
    records = {AT: [f"p={FINE}"], "s2._domainkey.example.com TXT": unknown}
    finding = checked(records, Selector(name="s1"), Selector(name="s2"))
    assert (finding.verdict, finding.severity) == ("good", None)
    assert "nobody answered" in finding.because


def test_what_others_publish_cannot_write_on_a_terminal() -> None:
    finding = checked({AT: ["v=DKIM1; p=\x1b[31m"]})
    assert "\x1b" not in str(finding)
    assert TXT.name == finding.records[0].kind
