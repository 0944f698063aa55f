"""The own SMTP sink, as strangers on the internet meet it."""

import asyncio
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import TypeVar

import pytest
import uvloop
from looks import TO
from mailboxes import AGENT, NONCE, marked, utc_now

from agent.probes.arrivals import Arrival, Arrivals, Missing
from agent.probes.sink import SinkMailbox
from mailover.demo.authority import Authority

T = TypeVar("T")
LOOPS = [asyncio.SelectorEventLoop, uvloop.new_event_loop]


def with_sink(
    client: Callable[[int], T],
    *,
    arrivals: Arrivals | None = None,
    tls: ssl.SSLContext | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop,
) -> T:
    """Run a blocking client against an open sink, and close the sink."""

    async def go() -> T:
        sink = SinkMailbox(to=TO, host="127.0.0.1", port=0, arrivals=arrivals or Arrivals(utc_now), tls=tls)
        await sink.open()
        try:
            return await asyncio.to_thread(client, sink.port)
        finally:
            await sink.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(go())


def connected(port: int) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=10)


def test_a_message_is_taken_once_awaited_or_not() -> None:
    def send(port: int) -> int:
        with connected(port) as client:
            client.sendmail("a@b.example", TO.upper(), marked())
            client.sendmail("a@b.example", TO, marked("f" * 32))
            client.sendmail("a@b.example", TO, b"Subject: hello\r\n\r\nsomebody's own\r\n")
        return 3

    assert with_sink(send) == 3


def test_it_relays_for_nobody() -> None:
    def send(port: int) -> tuple[int, bytes]:
        with connected(port) as client:
            client.ehlo()
            client.mail("a@b.example")
            return client.rcpt("victim@elsewhere.example")

    code, text = with_sink(send)
    assert (code, text) == (550, b"5.7.1 Relaying denied")


def test_it_has_no_accounts_and_one_recipient() -> None:
    def send(port: int) -> tuple[bool, int]:
        with connected(port) as client:
            client.ehlo()
            offered = client.has_extn("auth")
            client.mail("a@b.example")
            client.rcpt(TO)
            return offered, client.rcpt(TO)[0]

    assert with_sink(send) == (False, 452)


def test_a_message_that_is_too_big_is_refused() -> None:
    def send(port: int) -> int:
        with connected(port) as client, pytest.raises(smtplib.SMTPResponseException) as refused:
            client.sendmail("a@b.example", TO, b"Subject: big\r\n\r\n" + b"x" * 70 * 5000 + b"\r\n")
        return refused.value.smtp_code

    assert with_sink(send) in {500, 552}


def test_commands_are_limited() -> None:
    def chat(port: int) -> int:
        with connected(port) as client:
            return [client.docmd("NOOP")[0] for _ in range(60)][-1]

    with pytest.raises(smtplib.SMTPServerDisconnected):
        with_sink(chat)


def test_connections_are_limited_and_free_again_after_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.probes.sink._MOST_CONNECTIONS", 2)

    def crowd(port: int) -> tuple[int, int]:
        first, second = connected(port), connected(port)
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            connected(port)
        first.close()
        second.close()
        for _ in range(100):
            try:
                with connected(port) as client:
                    return refused.value.smtp_code, client.noop()[0]
            except smtplib.SMTPConnectError:
                time.sleep(0.02)
        return refused.value.smtp_code, 0

    assert with_sink(crowd) == (421, 250)


def test_a_session_has_an_end_however_busy_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.probes.sink._SESSION_LIMIT", 0.3)

    def linger(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.recv(1000)
            try:
                return client.recv(1000)
            except ConnectionResetError:
                return b""

    assert with_sink(linger) == b""


@pytest.mark.parametrize("loop", LOOPS)
def test_it_offers_starttls_on_either_event_loop(
    loop: Callable[[], asyncio.AbstractEventLoop], server_context: ssl.SSLContext, authority: Authority
) -> None:
    def send(port: int) -> str | None:
        with connected(port) as client:
            client.starttls(context=authority.client_context())
            client.sendmail("a@b.example", TO, marked())
            assert isinstance(client.sock, ssl.SSLSocket)
            return client.sock.version()

    assert with_sink(send, tls=server_context, loop=loop) in {"TLSv1.2", "TLSv1.3"}


def test_closing_cuts_what_is_open() -> None:
    clients: list[socket.socket] = []

    def linger(port: int) -> None:
        clients.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        clients[0].recv(1000)

    began = time.monotonic()
    with_sink(linger)
    clients[0].close()
    assert time.monotonic() - began < 5


def test_a_port_that_is_taken_keeps_it_from_opening() -> None:
    async def go(port: int) -> None:
        await SinkMailbox(to=TO, host="127.0.0.1", port=port, arrivals=Arrivals(utc_now)).open()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            asyncio.run(go(taken.getsockname()[1]))


def test_what_arrives_before_anybody_asks_is_found_and_what_never_arrives_is_missing() -> None:
    async def go() -> tuple[object, object]:
        arrivals = Arrivals(utc_now)
        sink = SinkMailbox(to=TO, host="127.0.0.1", port=0, arrivals=arrivals)
        await sink.open()
        arrivals.expect("postmark", NONCE)
        arrivals.arrived(NONCE, folder="smtp", headers=())
        arrivals.expect("postmark", AGENT + "f" * 24)
        found = await sink.find(NONCE, within=1.0), await sink.find(AGENT + "f" * 24, within=0.05)
        await sink.close()
        return found

    found, lost = asyncio.run(go())
    assert isinstance(found, Arrival)
    assert lost == Missing(looked=True)
