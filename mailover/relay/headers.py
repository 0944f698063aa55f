"""The header of a message as the relay leaves it (RFC 6409 section 8): what is added, what is taken out. Pure.

The body is never looked at, and no line that stays is touched: signatures hold.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

_LONGEST = 998
"""Of a line (RFC 5322 section 2.1.1); a longer Message-ID is not worth keeping beside the mail."""
_LINE_END = b"\r\n"
_KNOWN = re.compile(
    rb"^(received|message-id|date|bcc|resent-bcc|return-path)[ \t]*:(.*(?:\r\n[ \t].*)*)(?:\r\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_HELLO = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
"""Who else got it is nobody's business; where it bounces to is written by who delivers it. Postfix drops them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What was found in a message's header."""

    end: int
    """Where it ends: before the empty line, or where the body begins when there is none."""
    separated: bool
    """Whether an empty line follows, or nothing at all: false for a message that is all body."""
    received: int = 0
    """How many Received fields: as many hops."""
    named: bool = False
    """Whether there is a Message-ID, fit for use or not."""
    message_id: str = ""
    dated: bool = False
    dropped: tuple[tuple[int, int], ...] = ()
    """From and to: what does not stay."""


def read_header(content: bytes) -> Header:
    """The header of a message whose lines end in CRLF."""
    if _FIELD.match(content) is None:
        return Header(end=0, separated=content.startswith(_LINE_END))
    end = content.find(2 * _LINE_END)
    end = len(content) if end < 0 else end + len(_LINE_END)
    received, message_id, named, dated = 0, "", False, False
    dropped: list[tuple[int, int]] = []
    for found in _KNOWN.finditer(content, 0, end):
        name = found[1].lower()
        if name == b"received":
            received += 1
        elif name == b"date":
            dated = True
        elif name == b"message-id":
            named, message_id = True, message_id or _text(found[2])
        elif name in _DROPPED:
            dropped.append(found.span())
    return Header(
        end=end,
        separated=True,
        received=received,
        named=named,
        message_id=message_id,
        dated=dated,
        dropped=tuple(dropped),
    )


def completed(content: bytes, header: Header, *, trace: str, message_id: str, date: datetime) -> bytes:
    """The message with the trace on top, what was lacking added, and what does not stay taken out."""
    added = f"{trace}\r\n"
    if not header.named:
        added += f"Message-ID: {message_id}\r\n"
    if not header.dated:
        added += f"Date: {_written(date)}\r\n"
    if not header.separated:
        added += "\r\n"
    pieces, start = [added.encode()], 0
    for begin, end in header.dropped:
        pieces.append(content[start:begin])
        start = end
    pieces.append(content[start:] if start else content)
    return b"".join(pieces)


def trace(*, hostname: str, client: str, hello: str, protocol: str, mail_id: str, date: datetime) -> str:
    """The Received field (RFC 5321 section 4.4); without `client` it tells nothing of who handed the message over."""
    source = f"from {hello if _HELLO.fullmatch(hello) else 'unknown'} ([{client}])\r\n\t" if client else ""
    return f"Received: {source}by {hostname} (mailover) with {protocol} id {mail_id};\r\n\t{_written(date)}"


def _written(date: datetime) -> str:
    return _written_second(date.replace(microsecond=0))


@lru_cache(maxsize=4)
def _written_second(date: datetime) -> str:
    """Kept, since thousands of messages may come in one second."""
    return format_datetime(date)


def _text(raw: bytes) -> str:
    words = b" ".join(raw.split())
    return words.decode("utf-8", "replace").replace("\0", "") if len(words) <= _LONGEST else ""
