"""TLS below a dialogue, on memory buffers: ciphertext in, text out, and the other way round. No socket here.

The handshake is part of the same stream of bytes, so that STARTTLS and implicit TLS are one thing, limits hold before
it, and a certificate that is renewed is used by the next connection.
"""

import contextlib
import errno
import ssl
from pathlib import Path

_PIECE = 256 * 1024
_MOST_WITHOUT_TEXT = 128 * 1024
"""TLS bytes that never become text would keep a core busy for as long as the session may last."""


def serving_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What to serve with, TLS 1.2 or later. Raises OSError or ssl.SSLError when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key, password=_unasked)
    return context


def _unasked() -> str:
    """In place of OpenSSL's own question, which would wait at the terminal for whoever started us."""
    raise OSError(errno.EACCES, "the key needs a password; give it without one")


class Secured:
    """One connection's TLS. `hear` raises ssl.SSLError when the peer does not speak it, or takes its leave."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """The handshake is the peer's to begin."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.done = False
        """Whether the handshake is over."""
        self._without_text = 0

    def hear(self, data: bytes) -> bytes:
        """The text in it, perhaps none; `say` may have something to send afterwards."""
        self._incoming.write(data)
        self._without_text += len(data)
        try:
            if not self.done:
                self._engine.do_handshake()
                self.done = True
            text = self._read()
        except ssl.SSLWantReadError:
            text = b""
        self._without_text = 0 if text else self._without_text
        if self._without_text > _MOST_WITHOUT_TEXT:
            raise ssl.SSLError("TLS without end and without text")
        return text

    def say(self, text: bytes = b"") -> bytes:
        """What to send for it, and for the handshake; before that is over nothing can be told."""
        if text and self.done:
            with contextlib.suppress(ssl.SSLError):  # a broken engine is found out by the next `hear`
                self._engine.write(text)
        return self._outgoing.read()

    def leave(self) -> bytes:
        """The farewell, after which nothing more is said."""
        with contextlib.suppress(ssl.SSLError):
            self._engine.unwrap()
        return self._outgoing.read()

    def _read(self) -> bytes:
        """All there is. What came before the peer's farewell is told first."""
        pieces: list[bytes] = []
        try:
            while piece := self._engine.read(_PIECE):
                pieces.append(piece)
        except ssl.SSLError:
            if not pieces:
                raise
        return b"".join(pieces)
