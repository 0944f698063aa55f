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
from mailover.smtp.server import only_crlf
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


def test_a_text_is_read_as_it_was_given() -> None:
    """Wide and hard spaces, and what joins an emoji, are in many a text, though they do not count as printable."""
    name, text = "ご請求\u3000n°\u00a05", 'ご請求書\u3000第5号, n°\u00a05 👩\u200d🔧 "so" \\o/'
    message = read(made(subject=text, to=[{"address": "ann@example.net", "name": name}], headers={"X-Note": text}))
    assert (message["Subject"], message["X-Note"]) == (text, text)
    (person,) = message["To"].addresses
    assert (person.display_name, person.addr_spec) == (name, "ann@example.net")


def test_a_message_goes_along_as_a_message() -> None:
    letter = "From: ann@example.net\nSubject: Grüße\nContent-Type: text/plain; charset=utf-8\n\nGrüße\n".encode()
    file = {
        "filename": "letter.eml",
        "content_type": "message/rfc822",
        "content": base64.b64encode(letter).decode(),
    }
    submission = made(attachments=[file])
    assert only_crlf(submission.content)
    (attached,) = read(submission).iter_attachments()
    assert attached.get_filename() == "letter.eml"
    assert attached["Content-Transfer-Encoding"] != "base64"
    assert attached.get_content().get_content().splitlines() == ["Grüße"]


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
        {"attachments": [{"filename": "a", "content": "YQ==", "content_type": "multipart/mixed"}]},
        {"attachments": [{"filename": "a", "content": "YQ==", "content_type": "message/partial"}]},
        {"subject": "Hi\u2028Bcc: all@example.org"},
        {"envelope_from": "a b@example.com"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_could_be_read_in_two_ways_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MessageRequest.model_validate({**PLAIN, **more})


_ENCODED = st.sampled_from(["=?utf-8?q?=0D=0ABcc:_all=40example.org?=", "=?utf-8?q?=0A?=", "=?", "?=", "é", '"', "<"])
WORDS = st.lists(_ENCODED | st.text(max_size=20), max_size=10).map("".join)


@given(subject=WORDS, name=WORDS, value=WORDS, file=WORDS)
def test_no_text_adds_a_header(subject: str, name: str, value: str, file: str) -> None:
    asked = {
        **PLAIN,
        "subject": subject,
        "from": {"address": "shop@example.com", "name": name},
        "headers": {"X-Note": value, "Sender": value},
        "attachments": [{"filename": file or "a", "content": "YQ=="}],
    }
    try:
        submission = compose(MessageRequest.model_validate(asked), stream="transactional", by="app")
    except (ValidationError, UnprocessableEntity):
        return
    assert only_crlf(submission.content)
    head, _, rest = submission.content.partition(b"\r\n\r\n")
    part = rest.split(b"\r\n\r\n")[2].split(b"\r\n", 1)[1]
    assert _names(head) == ["From", "To", "Subject", "X-Note", "Sender", "MIME-Version", "Content-Type"]
    assert _names(part) == _PART


_PART = ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"]


def _names(head: bytes) -> list[str]:
    """Of every line that does not go on from the one before."""
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in {b" ", b"\t"}]


@pytest.mark.parametrize("where", ["subject", "name", "header"])
def test_what_looks_encoded_is_not_decoded_on_the_way(where: str) -> None:
    """The library's own header parser makes a line end of it, and a header of what follows."""
    text = "=?utf-8?q?Hello=0D=0ABcc:_all=40example.org?= é"
    places: dict[str, dict[str, Any]] = {
        "subject": {"subject": text},
        "name": {"from": {"address": "shop@example.com", "name": text}},
        "header": {"headers": {"X-Note": text}},
    }
    content = made(**places[where]).content
    assert only_crlf(content)
    assert b"Bcc" not in content


def test_a_file_whose_name_would_be_two_lines_is_refused() -> None:
    with pytest.raises(UnprocessableEntity, match="one line"):
        made(attachments=[{"filename": "=?utf-8?q?a=0D=0Ab?=", "content": "YQ=="}])


@pytest.mark.parametrize("name", ["Resent-Bcc", "Message-ID", "Sender"])
def test_a_header_that_the_library_cannot_read_is_sent_as_it_stands(name: str) -> None:
    assert f"\r\n{name}: ..:..\r\n".encode() in made(headers={name: "..:.."}).content


RAW = b"From: Shop <shop@example.com>\nTo: ann@example.net, Bob <bob@example.net>\nCc: ann@example.net\n\nHello\n"


def test_bytes_get_the_envelope_that_their_headers_name() -> None:
    submission = adopt(RAW, RawEnvelope(), stream="transactional", by="app")
    assert (submission.sender, submission.recipients) == ("shop@example.com", ("ann@example.net", "bob@example.net"))
    assert submission.content == RAW.replace(b"\n", b"\r\n")


def test_a_cr_alone_is_not_made_a_line_end() -> None:
    """What a filter of line feeds has let through must not become a header here; the door refuses it."""
    raw = b"From: a@example.com\nTo: b@example.net\nSubject: Hi\rReply-To: evil@example.org\n\nHello\n"
    content = adopt(raw, RawEnvelope(), stream="transactional", by="app").content
    assert b"Hi\rReply-To" in content
    assert not only_crlf(content)


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


def test_a_list_of_addresses_that_would_take_minutes_to_read_is_refused_at_once() -> None:
    raw = b"From: shop@example.com\r\nTo: " + b"\\" * 200_000 + b"ann@example.net\r\n\r\nHello\r\n"
    with pytest.raises(UnprocessableEntity, match=r"\?to="):
        adopt(raw, RawEnvelope(), stream="transactional", by="app")
    envelope = RawEnvelope.model_validate({"from": "shop@example.com", "to": ["ann@example.net"]})
    assert adopt(raw, envelope, stream="transactional", by="app").recipients == ("ann@example.net",)


@given(raw=st.binary(max_size=300))
def test_no_bytes_break_it(raw: bytes) -> None:
    try:
        submission = adopt(raw, RawEnvelope(), stream="transactional", by="app")
    except UnprocessableEntity:
        return
    assert submission.recipients
