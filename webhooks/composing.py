"""From what a caller sends to a submission: JSON becomes RFC 5322, and bytes get the envelope that their headers name.

Nothing here is sent or kept. A header cannot be injected: every value is one line before it comes here, and is folded
and encoded as it stands. The standard library's `EmailMessage` is given none of them, because it decodes what looks
encoded and writes what comes out, line ends and all.
"""

import base64
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.header import Header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import quote
from typing import cast

from werkzeug.exceptions import UnprocessableEntity

from mailover.core.mail import Submission
from webhooks.mail_asked import MOST_RECIPIENTS, Attachment, Correspondent, MessageRequest, RawEnvelope, is_one_line

_ASCII = policy.SMTP.clone(cte_type="7bit")  # every provider can carry it
_LONGEST_ADDRESSES = 16_384
"""Bytes of the address headers of a message that names its envelope itself; the standard library's parser takes a
time that grows with their square."""
_UNREADABLE = "the address headers cannot be read; give the envelope by ?from= and ?to="


def compose(asked: MessageRequest, *, stream: str, by: str, call: str = "") -> Submission:
    """The message that was described. Raises 422 with the reason when it cannot be made.

    `call` is the same in every repeat of one call, empty where repeats cannot be told.
    """
    try:
        content = "".join(_fields(asked)).encode() + _body(asked).as_bytes()
    except Exception as error:  # noqa: BLE001 - the standard library raises whatever it stumbles over
        raise UnprocessableEntity(f"no message can be made of this: {error}") from None
    return Submission(
        stream=stream,
        sender=asked.envelope_from or asked.from_.address,
        recipients=asked.everybody,
        content=content,
        by=by,
        protocol="HTTP",
        utf8=not all(each.isascii() for each in (asked.from_.address, *asked.everybody)),
        call=call,
    )


def adopt(content: bytes, envelope: RawEnvelope, *, stream: str, by: str, call: str = "") -> Submission:
    """A message as it was sent, with the envelope given or the one that its headers name. `call` is as above.

    A message that has a Message-ID is known by that, whatever the call.
    """
    headers = BytesHeaderParser(policy=policy.default).parsebytes(content)
    sender = envelope.sender or next(iter(_addresses(headers, "from")), None)
    if sender is None:
        raise UnprocessableEntity("the message has no From address; give one in the header or by ?from=")
    recipients = tuple(dict.fromkeys(envelope.to or _addresses(headers, "to", "cc", "bcc")))
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        raise UnprocessableEntity(
            f"the message must have 1 to {MOST_RECIPIENTS} recipients, in To, Cc and Bcc or by ?to="
        )
    utf8 = not all(each.isascii() for each in (sender, *recipients))
    return Submission(
        stream=stream,
        sender=sender,
        recipients=recipients,
        content=_with_whole_lines(content),
        by=by,
        protocol="HTTP",
        utf8=utf8,
        call="" if "message-id" in headers else call,
    )


def _addresses(headers: EmailMessage, *names: str) -> list[str]:
    """The bare addresses of these headers, in order. Raises 422 for headers that cannot be read."""
    found: list[str] = []
    if sum(len(value) for name, value in headers.raw_items() if name.lower() in names) > _LONGEST_ADDRESSES:
        raise UnprocessableEntity(_UNREADABLE)
    try:
        for name in names:
            for header in headers.get_all(name, ()):
                found += [each.addr_spec for each in cast(AddressHeader, header).addresses if each.domain]
    except Exception:  # noqa: BLE001 - the standard library's parser raises whatever it stumbles over
        raise UnprocessableEntity(_UNREADABLE) from None
    return found


def _with_whole_lines(content: bytes) -> bytes:
    """Lines ended by CRLF also where LF ended them, as in a file. A CR alone ends none, and is refused at the door."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _fields(asked: MessageRequest) -> Iterator[str]:
    yield _people("From", [asked.from_])
    for name, given in (("To", asked.to), ("Cc", asked.cc), ("Reply-To", asked.reply_to)):
        if given:
            yield _people(name, given)
    if not asked.to and not asked.cc:
        yield "To: undisclosed-recipients:;\r\n"
    yield f"Subject: {_text(asked.subject, behind='Subject')}\r\n"
    for name, value in asked.headers.items():
        yield f"{name}: {_text(value, behind=name)}\r\n"


def _people(field: str, people: Iterable[Correspondent]) -> str:
    return f"{field}: " + ",\r\n ".join(_mailbox(each) for each in people) + "\r\n"


def _mailbox(person: Correspondent) -> str:
    """A name and an address (RFC 5322 section 3.4)."""
    if not person.name:
        return person.address
    name = f'"{quote(person.name)}"' if person.name.isascii() else _text(person.name)
    return f"{name} <{person.address}>"


def _text(text: str, *, behind: str = "") -> str:
    """Folded, and in encoded words where it is beyond ASCII (RFC 2047)."""
    return Header(text, "us-ascii" if text.isascii() else "utf-8", header_name=behind or None).encode(linesep="\r\n")


def _body(asked: MessageRequest) -> EmailMessage:
    """The body and the headers that tell how it is written. Raises ValueError, or whatever the library does."""
    message = EmailMessage(policy=_ASCII)
    if asked.text is not None:
        message.set_content(asked.text)
        if asked.html is not None:
            message.add_alternative(asked.html, subtype="html")
    else:
        message.set_content(asked.html or "", subtype="html")
    for each in asked.attachments:
        _attach(message, each)
    if not all(is_one_line(str(value)) for part in message.walk() for value in part.values()):
        raise ValueError("a file's name would be more than one line")
    return message


def _attach(message: EmailMessage, file: Attachment) -> None:
    content = base64.b64decode(file.content)
    kind, _, subtype = file.content_type.partition("/")
    if kind == "message":  # never in base64 (RFC 2046 section 5.2.1)
        message.add_attachment(message_from_bytes(content, policy=_ASCII), filename=file.filename)
    else:
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=file.filename)
