"""A scripted TCP server on loopback, and an SMTP dialogue that goes well until a twist takes over at one step.

A script is a plain function over a blocking socket, run in a thread per connection, so that it reads like what it
does. Everything ends when the `with` block ends. What clients must make of it is the tests' business.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

Script = Callable[["Peer"], object]
Twist = Callable[["Peer"], object]
"""Takes over at a step. It may return GO_ON to let the dialogue continue behind it."""

GO_ON = object()
OFFERS = ("AUTH PLAIN LOGIN", "8BITMIME", "SIZE 100000000")


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, stopped: threading.Event) -> None:
        self.sock = sock
        self.stopped = stopped
        self.lines: list[str] = []
        """Every line the client sent, in order."""
        self._rest = b""

    def say(self, text: str | bytes) -> None:
        """Send a line, or bytes exactly as they are."""
        self.sock.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def line(self) -> str:
        """The client's next line; an error when it hangs up."""
        while b"\n" not in self._rest:
            self._rest += self._receive()
        line, _, self._rest = self._rest.partition(b"\n")
        self.lines.append(line.decode("utf-8", "replace").rstrip("\r"))
        return self.lines[-1]

    def hello(self) -> bytes:
        """The beginning of a TLS handshake, read and not answered."""
        return self._receive()

    def body(self) -> bytes:
        """Everything up to the final dot."""
        while b"\r\n.\r\n" not in b"\r\n" + self._rest:
            self._rest += self._receive()
        message, _, self._rest = (b"\r\n" + self._rest).partition(b"\r\n.\r\n")
        return message

    @property
    def unread(self) -> bytes:
        """What the client has sent behind the last line read."""
        self.sock.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            self._rest += self._receive()
        self.sock.settimeout(20)
        return self._rest

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """One byte at a time, again and again, until the client or the test has had enough."""
        while True:
            for byte in data:
                self.sock.sendall(bytes([byte]))
                if self.stopped.wait(pause):
                    return

    def flood(self, data: bytes) -> None:
        """As fast as it goes, without end."""
        while not self.stopped.is_set():
            self.sock.sendall(data)

    def mute(self) -> None:
        """Say nothing, read nothing, hold the line."""
        self.stopped.wait()

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def secure(self, context: ssl.SSLContext) -> None:
        """TLS from here on."""
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.sock.do_handshake()

    def _receive(self) -> bytes:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionAbortedError
        return data


class HostileServer:
    """Runs one script for every connection, from `with` to the end of it."""

    def __init__(self, script: Script, *, receive_buffer: int | None = None) -> None:
        self._script = script
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.peers: list[Peer] = []
        self._listening = socket.socket()
        if receive_buffer is not None:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(64)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        accepting = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for peer in self.peers:
            peer.sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            sock.settimeout(20)
            peer = Peer(sock, self._stopped)
            self.peers.append(peer)
            serving = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(serving)
            serving.start()

    def _serve(self, peer: Peer) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._script(peer)
        with contextlib.suppress(OSError):
            peer.sock.close()


def smtp(
    twists: Mapping[str, Twist] | None = None,
    *,
    offers: Sequence[str] = OFFERS,
    context: ssl.SSLContext | None = None,
    implicit: bool = False,
) -> Script:
    """A well-behaved SMTP server except at the steps that have a twist: `banner`, a verb in lower case, or `dot`."""
    bad = twists or {}

    def script(peer: Peer) -> None:
        if implicit and context is not None:
            peer.secure(context)
        for step in _steps(peer):
            if step in bad:
                if bad[step](peer) is not GO_ON:
                    return
            elif step == "starttls" and context is not None:
                peer.say("220 2.0.0 go ahead")
                peer.secure(context)
            else:
                _answer(
                    peer, step, offers if context is None or isinstance(peer.sock, ssl.SSLSocket) else ("STARTTLS",)
                )

    return script


def _steps(peer: Peer) -> Iterator[str]:
    yield "banner"
    while True:
        step = peer.line().partition(" ")[0].lower()
        yield step
        if step == "data":
            peer.body()
            yield "dot"
        if step == "quit":
            return


def _answer(peer: Peer, step: str, offers: Sequence[str]) -> None:
    if step == "ehlo":
        lines = ["hostile.example", *offers]
        peer.say("\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines))
        return
    answers = {
        "banner": "220 hostile.example ESMTP",
        "auth": "235 2.7.0 welcome",
        "data": "354 go on",
        "quit": "221 2.0.0 bye",
    }
    peer.say(answers.get(step, "250 2.0.0 fine"))


def say(text: str | bytes) -> Twist:
    """A twist that only says something else."""

    def twist(peer: Peer) -> object:
        peer.say(text)
        return GO_ON

    return twist


def then_close(text: str | bytes) -> Twist:
    """A twist that says something and hangs up."""
    return lambda peer: peer.say(text)
