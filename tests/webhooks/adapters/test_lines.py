"""The server under the line protocols: who is slow, too many, or odd is let go, and nobody else notices."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from mailover.config.fields import Address
from webhooks.adapters.lines import LineServer, Said

HERE = Address(host="127.0.0.1", port=0)


class Shout:
    """Answers each line in capitals; some words make it behave badly."""

    def __init__(self) -> None:
        self._heard = b""

    def hear(self, data: bytes) -> Said:
        if b"defect" in data:
            raise RuntimeError("a defect")
        self._heard += data
        whole, end, self._heard = self._heard.rpartition(b"\n")
        answer = b"x" * 1_000_000 if b"flood" in whole else whole.upper() + end
        return Said(answer=answer, over=whole.endswith(b"bye"), complete=bool(end))


@pytest.fixture
def server() -> Iterator[LineServer]:
    running = LineServer("shout", HERE, Shout, seconds=0.6, most=3)
    running.start()
    yield running
    running.stop()


def connect(server: LineServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def ended(wire: socket.socket) -> bool:
    try:
        while wire.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def closed(wire: socket.socket) -> bool:
    """Whether it was closed from the other side, looking for as long as its timeout."""
    try:
        return wire.recv(1) == b""
    except TimeoutError:
        return False


def test_questions_are_answered_over_one_connection(server: LineServer) -> None:
    with connect(server) as wire:
        for word in (b"one", b"two"):
            wire.sendall(word + b"\n")
            assert wire.recv(100) == word.upper() + b"\n"
        wire.sendall(b"bye\n")
        assert wire.recv(100) == b"BYE\n"
        assert ended(wire)


def test_a_silent_client_and_a_dripping_one_are_let_go(server: LineServer) -> None:
    with connect(server) as silent, connect(server) as dripping:
        began = time.monotonic()
        dripping.settimeout(0.05)
        while not closed(dripping) and time.monotonic() - began < 10:
            dripping.send(b"x")
        assert ended(silent)
        assert time.monotonic() - began < 10


def test_who_goes_on_asking_may_stay(server: LineServer) -> None:
    with connect(server) as wire:
        for _ in range(8):
            wire.sendall(b"on\n")
            assert wire.recv(100) == b"ON\n"
            time.sleep(0.2)


def test_one_connection_too_many_is_closed_and_the_others_go_on(
    server: LineServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server) as first, connect(server) as second, connect(server) as third:
        for wire in (first, second, third):
            wire.sendall(b"hello\n")
            assert wire.recv(100) == b"HELLO\n"
        with caplog.at_level(logging.WARNING), connect(server) as fourth:
            assert ended(fourth)
        first.sendall(b"still\n")
        assert first.recv(100) == b"STILL\n"


def test_a_defect_ends_one_connection_alone(server: LineServer, caplog: pytest.LogCaptureFixture) -> None:
    with connect(server) as good, connect(server) as bad, caplog.at_level(logging.CRITICAL):
        bad.sendall(b"defect\n")
        assert ended(bad)
        good.sendall(b"fine\n")
        assert good.recv(100) == b"FINE\n"


def test_who_asks_without_reading_the_answers_is_let_go(server: LineServer) -> None:
    with connect(server) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            try:
                wire.sendall(b"flood\n")
            except OSError:
                break
            time.sleep(0.02)
        assert ended(wire)
        with connect(server) as another:
            another.sendall(b"here\n")
            assert another.recv(100) == b"HERE\n"


def test_a_taken_address_is_told_at_the_start() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = Address(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            LineServer("shout", address, Shout).start()


def test_a_stop_closes_what_is_open_and_the_address_is_free_again(server: LineServer) -> None:
    with connect(server) as wire:
        server.stop()
        assert ended(wire)
    again = LineServer("shout", Address(host="127.0.0.1", port=server.port), Shout)
    again.start()
    again.stop()
