"""The content of one message, from DATA to the final dot: bytes in, the message out, never more of it than is allowed.

Only CRLF.CRLF ends it. Everything that others have taken for an end (LF.LF, CR.CR, ...) is content, and a message with
a CR or LF of its own is refused: passed on, it might be an end to somebody else (SMTP smuggling).
"""

from mailover.smtp.server import said
from mailover.smtp.server.said import Said

_END = b"\r\n.\r\n"
_STUFFED = b"\r\n."
_TAIL = len(_END) - 1
_MOST_SWALLOWED = 2
"""So many times the limit is read of a message that is refused anyway, before the dialogue is ended."""


class Content:
    """One message on its way in."""

    def __init__(self, largest: int) -> None:
        """`largest` is in bytes, as the message is without stuffing."""
        self._largest = largest
        self._buffer = bytearray(b"\r\n")  # ends the line of DATA, so that a dot may follow at once
        self._swallowed = self._stuffed = 0
        self.refused: Said | None = None
        """Why it is not kept, though read to its end."""

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._buffer)

    @property
    def received(self) -> int:
        """Bytes that have come."""
        return self._swallowed + len(self._buffer)

    @property
    def endless(self) -> bool:
        """Whether so much has come that waiting for its end is no use."""
        return self._swallowed > _MOST_SWALLOWED * self._largest

    def hear(self, data: bytes | bytearray) -> bytes | None:
        """More bytes; those behind the final dot, None while it has not come."""
        buffer, before = self._buffer, len(self._buffer)
        buffer += data
        end = buffer.find(_END, max(0, before - _TAIL))
        if end < 0:
            self._stuffed += buffer.count(_STUFFED, max(0, before - len(_STUFFED) + 1))
            if self.refused is not None or len(buffer) - self._stuffed > self._largest + len(_END):
                self.refuse(said.TOO_LARGE)
            return None
        rest = bytes(buffer[end + len(_END) :])
        del buffer[end + 2 :]
        return rest

    def refuse(self, reply: Said) -> None:
        """Keep nothing more of it; the first reason stays."""
        self.refused = self.refused or reply
        dropped = max(0, len(self._buffer) - _TAIL)
        self._swallowed += dropped
        del self._buffer[:dropped]

    def message(self) -> bytes | Said:
        """What was sent, without the stuffed dots, once its end has come; or why it is refused."""
        if self.refused is not None:
            return self.refused
        lines = bytes(self._buffer)
        message = lines.replace(_STUFFED, b"\r\n")[2:]
        if len(message) > self._largest:
            return said.TOO_LARGE
        return message if only_crlf(message) else said.BARE_ENDS


def only_crlf(content: bytes) -> bool:
    """Whether every CR is followed by an LF and every LF comes behind a CR."""
    ends = content.count(b"\r\n")
    return ends == content.count(b"\n") and ends == content.count(b"\r")
