"""As whom a message is sent through one provider. Signatures are made and checked by dkimpy."""

import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mailover.core.carriage import PLAIN, Identity
from mailover.relay.identity import Dressed, dress

PLAIN_MAIL = (
    b"From: Ann Lee <ann@shop.example>\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nHi Bob,\r\n.\r\nFrom: not me\r\n"
)
MAPPED = Identity(header_from="noreply@provider.example")


def mail(*fields: bytes, body: bytes = b"text\r\n") -> bytes:
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.SMTP)  # type: ignore[return-value]


def dressed(content: bytes, identity: Identity, sender: str = "ann@shop.example") -> Dressed:
    return dress(content, sender, identity)


# -- nothing to do ----------------------------------------------------------------------------------------------------


def test_without_an_identity_the_very_same_bytes_go_on() -> None:
    told = dressed(PLAIN_MAIL, PLAIN)
    assert told.content is PLAIN_MAIL
    assert (told.sender, told.broken) == ("ann@shop.example", ())


def test_what_is_so_already_is_not_touched() -> None:
    content = mail(b"From: <ANN@shop.example>", b"X-Pool: one")
    identity = Identity(header_from="ann@shop.example", headers=(("x-pool", "one"),))
    assert dressed(content, identity).content is content


# -- the envelope -----------------------------------------------------------------------------------------------------


def test_the_envelope_sender_is_the_providers_and_the_content_stays() -> None:
    told = dressed(PLAIN_MAIL, Identity(envelope_from="bounces@shop.example"))
    assert (told.sender, told.content) == ("bounces@shop.example", PLAIN_MAIL)


def test_the_null_reverse_path_stays() -> None:
    assert dressed(PLAIN_MAIL, Identity(envelope_from="bounces@shop.example"), sender="").sender == ""


# -- From -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Ann Lee <ann@shop.example>", b"Ann Lee <noreply@provider.example>"),
        (b'"Lee, Ann" <ann@shop.example>', b'"Lee, Ann" <noreply@provider.example>'),
        (b"=?utf-8?q?J=C3=BCrgen?=\r\n <ann@shop.example>", "Jürgen <noreply@provider.example>".encode()),
        (b"ann@shop.example", b"noreply@provider.example"),
        (b"<ann@shop.example>", b"noreply@provider.example"),
        ("Jürgen <ann@shop.example>".encode(), "Jürgen <noreply@provider.example>".encode()),
        (b"a@shop.example, b@shop.example", b"noreply@provider.example"),
        (b"Shop: a@shop.example;", b"noreply@provider.example"),
        (b"not an address at all", b"noreply@provider.example"),
    ],
)  # fmt: skip
def test_from_gets_the_providers_address_and_keeps_the_name_where_there_is_one(before: bytes, after: bytes) -> None:
    told = dressed(mail(b"From: " + before, b"To: bob@example.org"), MAPPED).content
    assert str(read(told)["From"]).encode("utf-8", "surrogateescape") == after
    assert told.endswith(b"\r\n\r\ntext\r\n")


def test_answers_go_to_the_old_address() -> None:
    told = read(dressed(PLAIN_MAIL, MAPPED).content)
    assert told["Reply-To"] == "Ann Lee <ann@shop.example>"
    assert (told["To"], told["Subject"]) == ("bob@example.org", "hello")


def test_unless_the_message_says_itself_where_they_go() -> None:
    told = read(dressed(mail(b"From: ann@shop.example", b"Reply-To: help@shop.example"), MAPPED).content)
    assert told.get_all("Reply-To") == ["help@shop.example"]


def test_two_authors_lines_become_one() -> None:
    told = read(dressed(mail(b"From: a@shop.example", b"FROM : b@shop.example"), MAPPED).content)
    assert told.get_all("From") == ["noreply@provider.example"]


def test_a_message_without_an_author_gets_one() -> None:
    told = read(dressed(mail(b"Subject: x"), MAPPED).content)
    assert (told["From"], told["Reply-To"]) == ("noreply@provider.example", None)


def test_the_body_is_never_looked_at() -> None:
    assert dressed(PLAIN_MAIL, MAPPED).content.endswith(b"\r\n\r\nHi Bob,\r\n.\r\nFrom: not me\r\n")


def test_a_name_that_would_take_for_ever_to_read_is_left_out_at_once() -> None:
    began = time.monotonic()
    for name in (b" " * 200_000, b'"' + b"\\a" * 100_000, b"a " * 100_000, b"@" * 200_000):
        told = dressed(mail(b"From: " + name + b"<a@b> x"), MAPPED)
        assert read(told.content)["From"] == "noreply@provider.example"
    assert time.monotonic() - began < 20


# -- headers ----------------------------------------------------------------------------------------------------------


def test_a_header_is_set_in_place_of_any_of_its_name() -> None:
    content = mail(b"X-PM-Message-Stream: old", b"From: a@b.example", b"x-pm-message-stream: older\r\n still")
    told = read(dressed(content, Identity(headers=(("X-PM-Message-Stream", "outbound"),))).content)
    assert told.get_all("X-PM-Message-Stream") == ["outbound"]
    assert told["From"] == "a@b.example"


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\nbody\r\n", b"Subject: no body", b"Subject: no body\r\n"])
def test_messages_of_odd_shape_get_their_header_all_the_same(content: bytes) -> None:
    told = dressed(content, Identity(headers=(("X-Pool", "one"),))).content
    assert read(told)["X-Pool"] == "one"
    assert told.partition(b"\r\n\r\n")[2] == (b"body\r\n" if b"body\r\n" in content and content[0] == 13 else b"")


@given(content=st.binary(max_size=300), value=st.binary(max_size=60))
def test_whatever_is_in_a_message_it_gets_exactly_the_fields_that_were_asked_for(content: bytes, value: bytes) -> None:
    content = b"From: " + value.replace(b"\r\n\r\n", b"") + b"\r\nX-Last: 1\r\n\r\n" + content
    told = dressed(content, Identity(header_from="n@p.example", headers=(("X-Pool", "one"),))).content
    head, _, body = told.partition(b"\r\n\r\n")
    fields = head.split(b"\r\n")
    before = content.partition(b"\r\n\r\n")
    assert body == before[2]
    assert sum(line.lower().startswith(b"from:") for line in fields) == 1
    assert sum(line == b"X-Pool: one" for line in fields) == 1
    known = before[0].split(b"\r\n")
    new = [line for line in fields if line not in known]
    assert all(line.split(b":")[0] in {b"From", b"Reply-To", b"X-Pool"} or line == b" <n@p.example>" for line in new)


# -- signatures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signed() -> Callable[..., bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def sign(content: bytes, *headers: bytes, domain: bytes = b"shop.example") -> bytes:
        signature = dkim.sign(content, b"s1", domain, private, include_headers=list(headers) or None)
        return bytes(signature) + content

    sign.public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return sign


def verifies(signed: Callable[..., bytes], content: bytes) -> bool:
    import base64  # noqa: PLC0415

    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(signed.public)  # type: ignore[attr-defined]
    return bool(dkim.verify(content, dnsfunc=lambda *_args, **_kwargs: record))


def test_a_header_that_no_signature_covers_leaves_it_good(signed: Callable[..., bytes]) -> None:
    content = signed(PLAIN_MAIL, b"from", b"to", b"subject")
    told = dressed(content, Identity(headers=(("X-PM-Message-Stream", "outbound"),)))
    assert told.broken == ()
    assert verifies(signed, told.content)


def test_a_signature_that_another_from_breaks_is_taken_out_and_told_of(signed: Callable[..., bytes]) -> None:
    told = dressed(signed(PLAIN_MAIL), MAPPED)
    assert told.broken == ("shop.example",)
    assert b"dkim-signature" not in told.content.lower()


def test_a_header_that_was_signed_as_missing_breaks_it_too(signed: Callable[..., bytes]) -> None:
    content = signed(PLAIN_MAIL, b"from", b"x-pool")
    assert verifies(signed, content)
    assert not verifies(signed, b"X-Pool: one\r\n" + content)
    assert dressed(content, Identity(headers=(("X-Pool", "one"),))).broken == ("shop.example",)


def test_of_two_signatures_only_the_broken_one_goes(signed: Callable[..., bytes]) -> None:
    covered = signed(PLAIN_MAIL, b"from", b"x-pool", domain=b"other.example")
    told = dressed(signed(covered, b"from", b"to"), Identity(headers=(("X-Pool", "one"),)))
    assert told.broken == ("other.example",)
    assert told.content.lower().count(b"dkim-signature") == 1
    assert verifies(signed, told.content)


def test_the_envelope_breaks_no_signature(signed: Callable[..., bytes]) -> None:
    content = signed(PLAIN_MAIL)
    assert verifies(signed, dressed(content, Identity(envelope_from="bounces@shop.example")).content)
