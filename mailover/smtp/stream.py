"""The wire: one connected socket, in the clear or under TLS, read in small pieces and never faster than it is used.

The TLS engine works on memory buffers, so that the handshake obeys the same deadline as everything else, nothing is
read ahead of what was asked for, and both event loops behave alike. What the bytes mean is `protocol`'s business.
"""

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import sys

from mailover.smtp.replies import ProtocolError

_SIOCOUTQNSD = 0x894B  # linux/sockios.h: bytes in the send queue that were not sent once
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux: acknowledge at once. A server that holds its reply back until then (Nagle) would cost 40 ms each time."""
PIECE = 16 * 1024
_MOST_WITHOUT_TEXT = 128 * 1024  # TLS bytes that never become text would keep a core busy until the deadline


class PeerClosedError(Exception):
    """The peer closed the connection where an answer was due."""


class Stream:
    """A connected, non-blocking socket. The owner closes it; deadlines are the caller's."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.heard = False
        """Whether the peer has sent anything at all."""

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS engine, once the handshake has begun."""
        return self._tls

    async def secure(self, context: ssl.SSLContext, name: str) -> None:
        """The TLS handshake, verifying for `name`. Raises ssl.SSLError, OSError, PeerClosedError."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        received = 0
        try:
            while True:
                try:
                    self._tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await self._flush()
                    received += await self._fill()
                if received > _MOST_WITHOUT_TEXT:
                    raise ProtocolError("an endless TLS handshake")
            # our last flight of it leaves together with the first text, or before the first read
        except ssl.SSLError:
            # the alert tells the server's operator why; it is worth one attempt, not a wait
            with contextlib.suppress(OSError):
                self._sock.send(self._outgoing.read())
            raise

    async def read(self) -> bytes:
        """At least one byte, at most PIECE. Raises OSError, ssl.SSLError, PeerClosedError."""
        if self._tls is None:
            return await self._receive()
        received = 0
        while not (text := self._decrypted()):
            await self._flush()
            received += await self._fill()
            if received > _MOST_WITHOUT_TEXT:
                raise ProtocolError("endless TLS records without a word")
        return text

    def arrived(self) -> bytes:
        """What has already come, without waiting; at most PIECE, often nothing. Raises as `read` does."""
        if self._tls is not None and (text := self._decrypted()):
            return text
        try:
            data = self._sock.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return b""
        if not data:
            raise PeerClosedError
        self.heard = True
        if self._tls is None:
            return data
        self._incoming.write(data)
        return self._decrypted()

    async def write(self, data: bytes) -> None:
        """Hand all of it to the system, a piece at a time so that others get their turn."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            if self._tls is None:
                await self._loop.sock_sendall(self._sock, piece)
            else:
                self._tls.write(piece)
                await self._flush()
            if start:
                await asyncio.sleep(0)

    def unsent(self) -> bool:
        """Whether the system still holds bytes that never left; only Linux tells, elsewhere the answer is no."""
        try:
            held = fcntl.ioctl(self._sock, _SIOCOUTQNSD, bytes(4))
        except OSError:
            return False
        return int.from_bytes(held, sys.byteorder) > 0

    def abort(self) -> None:
        """Close so that bytes not yet sent are thrown away instead of being sent later."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """At once, without a farewell. Harmless when repeated."""
        self._sock.close()

    def _decrypted(self) -> bytes:
        if self._tls is None:
            return b""
        try:
            return self._tls.read(PIECE)
        except ssl.SSLWantReadError:
            return b""
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError) as exc:
            raise PeerClosedError from exc

    async def _fill(self) -> int:
        """More bytes for the TLS engine."""
        data = await self._receive()
        self._incoming.write(data)
        return len(data)

    async def _receive(self) -> bytes:
        if _QUICKACK is not None:
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        data = await self._loop.sock_recv(self._sock, PIECE)
        if not data:
            raise PeerClosedError
        self.heard = True
        return data

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self._sock, self._outgoing.read())
