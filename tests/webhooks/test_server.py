"""The server: slow senders, endless heads, nonsense, and an end that keeps nobody."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from api_house import SECRETS, House, open_house
from mail_house import KeepingRelay

from webhooks.server import ApiServer, DeadlineProtocol

GOOD_HEAD = b"GET /v1/active-provider%b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n\r\n"
POST_HEAD = (
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Authorization: Bearer %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
)


def get(query: str = "") -> bytes:
    return GOOD_HEAD % (query.encode(), SECRETS["read"].encode())


class HastyProtocol(DeadlineProtocol):
    """The deadline of the house, in test time."""

    request_seconds = 0.5
    body_bytes_per_second = 10_000
    stall_seconds = 0.5


@pytest.fixture
def server(house: House) -> Iterator[ApiServer]:
    started = ApiServer(house.app, "127.0.0.1", 0, protocol=HastyProtocol).start()
    yield started
    started.stop()


@contextmanager
def connection(server: ApiServer) -> Iterator[socket.socket]:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as opened:
        yield opened


def everything(opened: socket.socket) -> bytes:
    """What comes until the server closes."""
    heard = b""
    with suppress(ConnectionResetError):
        while piece := opened.recv(65_536):
            heard += piece
    return heard


def until_seated(house: House, readers: int) -> None:
    """Wait until so many readers wait."""
    deadline = time.monotonic() + 20
    while house.parts.room.seated < readers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert house.parts.room.seated == readers


@pytest.mark.parametrize(
    "sent", [b"", b"GET /v1/act", get()[:-2], b"POST /v1/reports HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_silent_or_half_sent_request_is_closed(server: ApiServer, sent: bytes) -> None:
    with connection(server) as opened:
        opened.sendall(sent)
        began = time.monotonic()
        everything(opened)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"X-Drip: 1\r\n"),
        (b"", b"\r\n"),
        (get(), b"\r\n"),
        (POST_HEAD % (b"/v1/reports", SECRETS["report"].encode(), b"application/json", 60_000), b"x"),
    ],
)
def test_dripping_wins_no_time(server: ApiServer, begin: bytes, drip: bytes) -> None:
    with connection(server) as opened:
        began = time.monotonic()
        opened.sendall(begin)
        with suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() - began < 15:
                opened.sendall(drip)
                time.sleep(0.05)
        assert time.monotonic() - began < 10


def test_a_large_message_over_a_thin_line_is_taken_while_it_moves(server: ApiServer, house: House) -> None:
    KeepingRelay(house)
    message = b"From: a@example.com\r\nTo: b@example.net\r\n\r\n" + b"x" * 300_000
    with connection(server) as opened:
        opened.sendall(POST_HEAD % (b"/v1/messages", SECRETS["send"].encode(), b"message/rfc822", len(message)))
        for start in range(0, len(message), 10_000):
            opened.sendall(message[start : start + 10_000])
            time.sleep(0.05)
        assert everything(opened).startswith(b"HTTP/1.1 202 ")


def test_who_waits_for_an_answer_outlives_the_deadline(server: ApiServer, house: House) -> None:
    epoch = house.service.snapshot.flags["transactional"].flag.epoch
    with connection(server) as opened:
        opened.sendall(get(f"?epoch={epoch}&wait=1500ms"))
        assert opened.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_connection_serves_many_requests(server: ApiServer) -> None:
    with connection(server) as opened:
        for _ in range(3):
            opened.sendall(get())
            assert opened.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)


def test_a_head_without_end_is_refused(server: ApiServer) -> None:
    with connection(server) as opened:
        with suppress(ConnectionResetError, BrokenPipeError):
            opened.sendall(b"GET /healthz HTTP/1.1\r\n" + b"X-Long: " + b"x" * 200_000)
        heard = everything(opened)
        assert not heard or heard.startswith(b"HTTP/1.1 431 ")


def test_who_does_not_take_its_answers_is_let_go(server: ApiServer) -> None:
    where = urlsplit(server.url)
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.settimeout(20)
        opened.connect((where.hostname, where.port))
        opened.sendall(get().replace(b"/v1/active-provider", b"/openapi.json") * 200)
        deadline = time.monotonic() + 20
        while server._server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert everything(opened).count(b"HTTP/1.1 200 ") < 200


def test_what_is_no_http_is_a_problem(server: ApiServer) -> None:
    with connection(server) as opened:
        opened.sendall(b"EHLO example.com\r\n\r\n")
        heard = everything(opened)
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in heard


def test_at_the_end_parked_readers_are_answered_first(house: House) -> None:
    server = ApiServer(house.app, "127.0.0.1", 0).start()
    epoch = house.service.snapshot.flags["transactional"].flag.epoch
    with connection(server) as opened:
        opened.sendall(get(f"?epoch={epoch}&wait=60s"))
        until_seated(house, 1)
        began = time.monotonic()
        server.stop()
        assert everything(opened).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - began < 4
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url + "/healthz", timeout=5)


def test_a_signal_ends_the_main_threads_server(house: House) -> None:
    server = ApiServer(house.app, "127.0.0.1", 0)
    before = signal.getsignal(signal.SIGTERM)

    def interrupt() -> None:
        requests.get(server.url + "/healthz", timeout=20)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    server.run()
    thread.join(timeout=10)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_address_is_told_at_once(server: ApiServer, house: House) -> None:
    where = urlsplit(server.url)
    with pytest.raises(OSError):
        ApiServer(house.app, "127.0.0.1", where.port or 0)


def test_three_hundred_parked_readers_are_told_within_seconds(tmp_path: Path) -> None:
    with open_house(tmp_path, seats=300) as house:
        told_within(house)


def told_within(house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    server = ApiServer(house.app, "127.0.0.1", 0).start()
    epoch = house.service.snapshot.flags["transactional"].flag.epoch

    async def park_and_flip() -> float:
        where = urlsplit(server.url)
        pairs = [await asyncio.open_connection(where.hostname, where.port) for _ in range(300)]
        for _, writer in pairs:
            writer.write(get(f"?epoch={epoch}&wait=60s"))
        await asyncio.to_thread(until_seated, house, 300)
        began = time.monotonic()
        await asyncio.to_thread(house.fail, "postmark")
        heads = await asyncio.gather(*(reader.readuntil(b"}") for reader, _ in pairs))
        seconds = time.monotonic() - began
        for _, writer in pairs:
            writer.close()
            await writer.wait_closed()
        assert all(b'"provider":"sendgrid"' in head for head in heads)
        return seconds

    try:
        assert asyncio.run(asyncio.wait_for(park_and_flip(), 60)) < 10
    finally:
        server.stop()
