"""From what a caller sends to a submission: JSON becomes RFC 5322, and bytes get the envelope that their headers name.

Nothing here is sent or kept. A header cannot be injected: every value is one printable line before it comes here, and
the standard library folds and encodes it.
"""

import base64
from collections.abc import Iterable
from email import policy
from email.errors import MessageError
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import cast

from werkzeug.exceptions import UnprocessableEntity

from mailover.core.mail import Submission
from webhooks.mail_asked import MOST_RECIPIENTS, Correspondent, MessageRequest, RawEnvelope

_ASCII = policy.SMTP.clone(cte_type="7bit")  # every provider can carry it
_UTF8 = policy.SMTPUTF8


def compose(asked: MessageRequest, *, stream: str, by: str, call: str = "") -> Submission:
    """The message that was described. Raises 422 with the reason when it cannot be made.

    `call` is the same in every repeat of one call, empty where repeats cannot be told.
    """
    utf8 = not all(each.isascii() for each in (asked.from_.address, *asked.everybody))
    message = EmailMessage(policy=_UTF8 if utf8 else _ASCII)
    try:
        _write_headers(message, asked)
        _write_body(message, asked)
        content = message.as_bytes()
    except (ValueError, MessageError, LookupError) as error:
        raise UnprocessableEntity(f"no message can be made of this: {error}") from None
    sender = asked.envelope_from or asked.from_.address
    return Submission(
        stream=stream,
        sender=sender,
        recipients=asked.everybody,
        content=content,
        by=by,
        protocol="HTTP",
        utf8=utf8,
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
    try:
        for name in names:
            for header in headers.get_all(name, ()):
                found += [each.addr_spec for each in cast(AddressHeader, header).addresses if each.domain]
    except Exception:  # noqa: BLE001 - the standard library's parser raises whatever it stumbles over
        raise UnprocessableEntity("the address headers cannot be read; give the envelope by ?from= and ?to=") from None
    return found


def _with_whole_lines(content: bytes) -> bytes:
    """Lines ended by CRLF, whichever way they ended before: over HTTP no line ending has a meaning of its own."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _write_headers(message: EmailMessage, asked: MessageRequest) -> None:
    message["From"] = _named([asked.from_])
    for name, given in (("To", asked.to), ("Cc", asked.cc), ("Reply-To", asked.reply_to)):
        if given:
            message[name] = _named(given)
    if not asked.to and not asked.cc:
        message["To"] = "undisclosed-recipients:;"
    message["Subject"] = asked.subject
    for name, value in asked.headers.items():
        message[name] = value


def _write_body(message: EmailMessage, asked: MessageRequest) -> None:
    if asked.text is not None:
        message.set_content(asked.text)
        if asked.html is not None:
            message.add_alternative(asked.html, subtype="html")
    else:
        message.set_content(asked.html or "", subtype="html")
    for each in asked.attachments:
        kind, _, subtype = each.content_type.partition("/")
        message.add_attachment(base64.b64decode(each.content), maintype=kind, subtype=subtype, filename=each.filename)


def _named(people: Iterable[Correspondent]) -> tuple[Address, ...]:
    return tuple(_address(each) for each in people)


def _address(person: Correspondent) -> Address:
    local, _, domain = person.address.rpartition("@")
    return Address(display_name=person.name, username=local, domain=domain)
