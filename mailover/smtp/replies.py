"""Bytes in, replies out (RFC 5321 section 4.2), bounded in every direction. No socket, no clock, no meaning.

Lines may end in LF alone: in this direction a bare LF smuggles nothing, and old servers send it.
"""

import re
from dataclasses import dataclass
from typing import Self

LINE_LIMIT = 2048
LINES_LIMIT = 128
REPLY_LIMIT = 32 * 1024
TEXT_LIMIT = 300
CLOSING = 421
"""The server ends the session, at any stage (RFC 5321 section 3.8)."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_BEGINNING = re.compile(rb"(?:[2-5](?:[0-9](?:[0-9](?:[ \r-].*)?)?)?)?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=\s|$)", re.ASCII)


class ProtocolError(Exception):
    """The peer does not speak SMTP, or not as promised. May quote it whole and raw: mask before showing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One complete reply. Lines are as sent, without code and line end, decoded but not yet made printable."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code of the first line (RFC 2034), when its class agrees with the reply's."""
        found = _ENHANCED.match(self.lines[0])
        return found.group(1) if found and found.group(1)[0] == str(self.code)[0] else None

    @property
    def text(self) -> str:
        """All lines as one, an enhanced code said once."""
        first, *others = self.lines
        if not others:
            return first.strip()
        enhanced = self.enhanced
        if enhanced is not None:
            others = [line.removeprefix(enhanced).lstrip() for line in others]
        return " ".join([first, *others]).strip()

    @classmethod
    def of(cls, code: int, *lines: bytes) -> Self:
        """A reply from raw lines; what is not UTF-8 is kept visible."""
        return cls(code=code, lines=tuple(line.decode("utf-8", "backslashreplace") for line in lines))


def printable(text: str, limit: int = TEXT_LIMIT) -> str:
    """Fit for a log, a terminal and a page: control characters become question marks, long text is cut."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(character if character.isprintable() else "?" for character in cut)


class ReplyReader:
    """Collects bytes until they are replies. After a ProtocolError it is of no further use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._code: int | None = None
        self._lines: list[bytes] = []
        self._bytes = 0

    @property
    def waiting(self) -> bytes:
        """What has come that is not yet part of a complete reply."""
        return b"".join(self._lines) + bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        """More bytes from the peer, not more than REPLY_LIMIT at a time."""
        self._buffer += data

    def next_reply(self) -> Reply | None:
        """The next complete reply, None when more bytes are needed. Raises ProtocolError."""
        if not self._buffer:
            return None
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[: end + 1]).removesuffix(b"\n").removesuffix(b"\r")
            del self._buffer[: end + 1]
            if (reply := self._line(line)) is not None:
                return reply
        if len(self._buffer) > LINE_LIMIT:
            raise ProtocolError(f"a reply line of more than {LINE_LIMIT} bytes")
        if not _BEGINNING.fullmatch(self._buffer):
            raise _not_smtp(bytes(self._buffer))
        return None

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > LINE_LIMIT:
            raise ProtocolError(f"a reply line of more than {LINE_LIMIT} bytes")
        found = _LINE.fullmatch(line)
        if not found:
            raise _not_smtp(line)
        code = int(found.group(1))
        if self._code is not None and code != self._code:
            raise ProtocolError(f"one reply with two codes, {self._code} and {code}")
        self._code = code
        self._lines.append(found.group(3) or b"")
        self._bytes += len(line)
        if len(self._lines) > LINES_LIMIT or self._bytes > REPLY_LIMIT:
            raise ProtocolError(f"a reply of more than {LINES_LIMIT} lines or {REPLY_LIMIT} bytes")
        if found.group(2) == b"-":
            return None
        reply = Reply.of(code, *self._lines)
        self._code, self._lines, self._bytes = None, [], 0
        return reply


def _not_smtp(line: bytes) -> ProtocolError:
    return ProtocolError(f"not an SMTP reply: {line.decode('utf-8', 'backslashreplace')}")
