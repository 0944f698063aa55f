"""What callers describe becomes a message that mail software reads as it was meant, and nothing can be smuggled in."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from werkzeug.exceptions import UnprocessableEntity

from mailover.core.mail import Submission
from webhooks.composing import adopt, compose
from webhooks.mail_asked import MessageRequest, RawEnvelope

PLAIN: dict[str, Any] = {
    "from": {"address": "shop@example.com", "name": "Shop, the"},
    "to": [{"address": "ann@example.net"}],
    "subject": "Your invoice",
    "text": "Hello\n",
}


def made(**more: Any) -> Submission:
    return compose(MessageRequest.model_validate({**PLAIN, **more}), stream="transactional", by="app")


def read(submission: Submission) -> EmailMessage:
    found = message_from_bytes(submission.content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_plain_message_is_rfc_5322_with_its_envelope() -> None:
    submission = made(cc=[{"address": "bob@example.net"}])
    assert (submission.sender, submission.recipients) == ("shop@example.com", ("ann@example.net", "bob@example.net"))
    assert (submission.stream, submission.by, submission.protocol) == ("transactional", "app", "HTTP")
    message = read(submission)
    assert message["From"] == '"Shop, the" <shop@example.com>'
    assert message["Subject"] == "Your invoice"
    assert message.get_content().splitlines() == ["Hello"]
    assert b"\n" not in submission.content.replace(b"\r\n", b"")


def test_blind_copies_are_in_the_envelope_and_nowhere_else() -> None:
    submission = made(to=[], bcc=[{"address": "secret@example.net"}])
    assert submission.recipients == ("secret@example.net",)
    assert b"secret@" not in submission.content
    assert read(submission)["To"] == "undisclosed-recipients:;"


def test_text_html_and_files_become_the_usual_tree() -> None:
    file = {
        "filename": "Rechnung ü.pdf",
        "content_type": "application/pdf",
        "content": base64.b64encode(b"%PDF").decode(),
    }
    message = read(made(html="<p>Hello</p>", attachments=[file]))
    body = message.get_body(("html",))
    assert body is not None
    assert body.get_content().splitlines() == ["<p>Hello</p>"]
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("Rechnung ü.pdf", b"%PDF")


def test_an_address_beyond_ascii_asks_for_smtputf8_and_no_other_does() -> None:
    assert made(to=[{"address": "jürgen@example.net"}]).utf8
    submission = made(subject="Grüße", text="Grüße")
    assert not submission.utf8
    assert submission.content.isascii()
    assert read(submission)["Subject"] == "Grüße"


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "Hi\r\nBcc: all@example.org"},
        {"headers": {"X-Tag": "a\nb"}},
        {"headers": {"X-Tag\r\nBcc": "a"}},
        {"headers": {"bcc": "all@example.org"}},
        {"headers": {"Received": "from nowhere"}},
        {"from": {"address": "shop@example.com", "name": "a\rb"}},
        {"to": [{"address": "ann@example.net>\r\nRCPT TO:<all@example.org"}]},
        {"to": [{"address": "ann"}]},
        {"to": [{"address": "a@b,c@d"}]},
        {"to": []},
        {"to": [{"address": f"n{n}@example.net"} for n in range(100)], "cc": [{"address": "one@example.net"}]},
        {"text": None},
        {"attachments": [{"filename": "a", "content": "no base64!"}]},
        {"attachments": [{"filename": "a\nb", "content": "YQ=="}]},
        {"envelope_from": "a b@example.com"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_could_be_read_in_two_ways_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MessageRequest.model_validate({**PLAIN, **more})


@given(subject=st.text(max_size=200), name=st.text(max_size=60), value=st.text(max_size=200))
def test_no_text_adds_a_header(subject: str, name: str, value: str) -> None:
    asked = {
        **PLAIN,
        "subject": subject,
        "from": {"address": "shop@example.com", "name": name},
        "headers": {"X-Note": value},
    }
    try:
        submission = compose(MessageRequest.model_validate(asked), stream="transactional", by="app")
    except (ValidationError, UnprocessableEntity):
        return
    names = [key.lower() for key in read(submission)]
    wanted = ["from", "to", "subject", "x-note", "content-type", "content-transfer-encoding", "mime-version"]
    assert sorted(names) == sorted(wanted)


RAW = b"From: Shop <shop@example.com>\nTo: ann@example.net, Bob <bob@example.net>\nCc: ann@example.net\n\nHello\n"


def test_bytes_get_the_envelope_that_their_headers_name() -> None:
    submission = adopt(RAW, RawEnvelope(), stream="transactional", by="app")
    assert (submission.sender, submission.recipients) == ("shop@example.com", ("ann@example.net", "bob@example.net"))
    assert submission.content == RAW.replace(b"\n", b"\r\n")


def test_an_envelope_in_the_query_outranks_the_headers() -> None:
    envelope = RawEnvelope.model_validate({"from": "bounce@example.com", "to": ["eve@example.net"]})
    submission = adopt(RAW, envelope, stream="transactional", by="app")
    assert (submission.sender, submission.recipients) == ("bounce@example.com", ("eve@example.net",))


def test_bytes_with_a_message_id_are_known_by_it_and_others_by_their_call() -> None:
    named = b"message-ID: <1@app.example>\n" + RAW
    known = [adopt(each, RawEnvelope(), stream="transactional", by="app", call="a").call for each in (named, RAW)]
    assert known == ["", "a"]


@pytest.mark.parametrize(
    "raw", [b"", b"Subject: x\n\nhello", b"From: a@example.com\n\nhello", b"From: \xff\n\n", b"\0\0"]
)
def test_bytes_without_an_envelope_are_refused_with_the_cure(raw: bytes) -> None:
    with pytest.raises(UnprocessableEntity, match=r"\?(from|to)="):
        adopt(raw, RawEnvelope(), stream="transactional", by="app")


@given(raw=st.binary(max_size=300))
def test_no_bytes_break_it(raw: bytes) -> None:
    try:
        submission = adopt(raw, RawEnvelope(), stream="transactional", by="app")
    except UnprocessableEntity:
        return
    assert submission.recipients
