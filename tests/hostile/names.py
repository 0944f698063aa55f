"""A scripted name server on loopback (UDP and TCP on one port): each question is answered by a plain function.

It answers from its own threads, so that a slow answer to one question never delays another.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answering = Callable[[dns.message.Message], dns.message.Message | bytes | None]
"""The answer to a question, None for silence."""


class HostileNames:
    """Answers DNS questions by a function, from `with` to the end of it; `asked` has every question."""

    def __init__(self, answering: Answering, *, over_tcp: Answering | None = None) -> None:
        self._answering = answering
        self._over_tcp = over_tcp
        self.asked: list[str] = []
        self._threads: list[threading.Thread] = []
        self._udp, self._tcp = _two_on_one_port()
        self._tcp.listen()
        self._open: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._udp.getsockname()[1]}"

    def __enter__(self) -> Self:
        for work in (self._serve_udp, self._serve_tcp):
            self._start(work)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for sock in (self._udp, self._tcp, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waking:
            waking.sendto(b"", self._udp.getsockname())
        for thread in self._threads:
            thread.join(timeout=5)
        for sock in (self._udp, self._tcp, *self._open):
            sock.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, sender = self._udp.recvfrom(4096)
                if not data:
                    return
                self._start(self._answer_udp, data, sender)

    def _answer_udp(self, data: bytes, sender: tuple[str, int]) -> None:
        answer = self._ask(self._answering, data)
        if answer:
            with contextlib.suppress(OSError):
                self._udp.sendto(answer, sender)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._tcp.accept()
                self._open.append(sock)
                self._start(self._answer_tcp, sock)

    def _answer_tcp(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data = sock.recv(4096)
            answer = self._ask(self._over_tcp, data[2:]) if self._over_tcp else None
            if answer:
                sock.sendall(struct.pack("!H", len(answer)) + answer)

    def _ask(self, answering: Answering, data: bytes) -> bytes | None:
        question = dns.message.from_wire(data)
        self.asked.append(question.question[0].to_text())
        answer = answering(question)
        return answer.to_wire() if isinstance(answer, dns.message.Message) else answer


def _two_on_one_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same free port; a port free for one may be taken for the other."""
    while True:
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp


def records(question: dns.message.Message, *addresses: str, ttl: int = 300) -> dns.message.Message:
    """An answer with those of the addresses that are of the kind asked for."""
    answer = dns.message.make_response(question)
    asked = question.question[0]
    fitting = [address for address in addresses if (":" in address) == (asked.rdtype == dns.rdatatype.AAAA)]
    if fitting:
        answer.answer.append(dns.rrset.from_text(asked.name, ttl, "IN", asked.rdtype, *fitting))
    return answer


def refusal(question: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    """An answer that is only a code."""
    answer = dns.message.make_response(question)
    answer.set_rcode(rcode)
    return answer


def truncated(question: dns.message.Message) -> dns.message.Message:
    """An answer that says to ask over TCP."""
    answer = dns.message.make_response(question)
    answer.flags |= dns.flags.TC
    return answer
