"""IMAP responses out of bytes (RFC 9051 section 7), within limits. Bytes in, values out; no socket here.

Only what a search for test messages needs is understood; anything else is passed over or is a protocol error.
"""

import re
from dataclasses import dataclass

LINE_LIMIT = 64 * 1024
LITERAL_LIMIT = 256 * 1024

_LITERAL = re.compile(rb"\{(\d{1,20})\}\Z")
_STATUS = re.compile(rb"(?:\* )?(?:OK|NO|BAD|BYE|PREAUTH)\b", re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)(?: ([^\]]*))?\]", re.IGNORECASE)
_MOST_LITERALS = 16


class ImapProtocolError(Exception):
    """The server said something that no IMAP server says, or too much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response: `*` or `+` or a command's tag, what follows, and the literals taken out of it."""

    tag: str
    text: str
    """Without the tag; of each literal only its announcement is left in it."""
    literals: tuple[bytes, ...] = ()

    @property
    def word(self) -> str:
        """The first word in upper case: OK, NO, BAD, BYE, SEARCH, ..."""
        return self.text.partition(" ")[0].upper()

    @property
    def code(self) -> tuple[str, str]:
        """The response code of a status response and its argument (`[UIDNEXT 5]`), empty when there is none."""
        found = _CODE.match(self.text.partition(" ")[2])
        return (found.group(1).upper(), found.group(2) or "") if found else ("", "")


class ResponseReader:
    """Collects bytes until they are responses. After an ImapProtocolError it is of no further use."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self._buffer = bytearray()
        self._searched = 0
        self._pieces: list[bytes] = []
        self._literals: list[bytes] = []
        self._wanted: int | None = None

    @property
    def leftover(self) -> bool:
        """Whether bytes were heard that belong to no complete response yet."""
        return bool(self._buffer or self._pieces)

    def feed(self, data: bytes) -> None:
        """More bytes; they are kept until `next` asks for them, so feed in small pieces."""
        self._buffer += data

    def next(self) -> Response | None:
        """The next complete response, None when more bytes are needed. Raises ImapProtocolError."""
        while True:
            if self._wanted is not None:
                if len(self._buffer) < self._wanted:
                    return None
                self._literals.append(self._cut(self._wanted))
                self._wanted = None
            line = self._line()
            if line is None:
                return None
            self._pieces.append(line)
            announced = None if _STATUS.match(self._pieces[0]) else _LITERAL.search(line)
            if announced is None or self._pieces[0][:1] != b"*":
                return self._finish()
            self._wanted = self._checked(announced.group(1))

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
        if (len(self._buffer) if end < 0 else end) > LINE_LIMIT:
            raise ImapProtocolError(f"a line of more than {LINE_LIMIT} bytes")
        return None if end < 0 else self._cut(end + 1).rstrip(b"\r\n")

    def _cut(self, length: int) -> bytes:
        piece = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._searched = 0
        return piece

    def _checked(self, digits: bytes) -> int:
        length = int(digits)
        if sum(map(len, self._literals)) + length > LITERAL_LIMIT:
            raise ImapProtocolError(f"a literal of {length} bytes")
        if len(self._literals) >= _MOST_LITERALS:
            raise ImapProtocolError("a response with too many literals")
        return length

    def _finish(self) -> Response:
        line = b" ".join(self._pieces)
        literals = tuple(self._literals)
        self._pieces, self._literals = [], []
        tag, _, text = line.decode("utf-8", "replace").partition(" ")
        if not tag or not tag.isascii():
            raise ImapProtocolError("not an IMAP server")
        return Response(tag=tag, text=text.strip(), literals=literals)
