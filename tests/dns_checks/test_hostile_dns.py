"""Name servers that forge, flood, cut short, drip and hang up: nothing is believed, no deadline is missed."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from asking import asked, zone
from hostile.names import HostileNames, records, truncated

from dns_checks.answers import TXT, A, Absent, Answer, Found, Trouble, Unknown
from dns_checks.lookup import DnsLookup
from dns_checks.servers import Server, server_from

# Packets from anybody


def wrong_id(question: dns.message.Message) -> bytes:
    reply = records(question, "203.0.113.66")
    reply.id ^= 1
    return reply.to_wire()


def wrong_question(question: dns.message.Message) -> bytes:
    other = dns.message.make_query("other.example.", "A", id=question.id)
    return records(other, "203.0.113.66").to_wire()


def cut_in_a_record(question: dns.message.Message) -> bytes:
    return records(question, "203.0.113.66").to_wire()[:-3]


def noise(question: dns.message.Message) -> bytes:
    return question.id.to_bytes(2, "big") + b"\xff" * 300


FORGERIES = [wrong_id, wrong_question, cut_in_a_record, noise]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_packets_that_do_not_belong_to_the_question_are_passed_over(
    forgery: Callable[[dns.message.Message], bytes],
) -> None:
    seen: list[int] = []

    def answering(question: dns.message.Message) -> dns.message.Message | bytes:
        seen.append(question.id)
        return forgery(question) if len(seen) == 1 else records(question, "192.0.2.1")

    assert asked(answering, "x.example", A) == Found(records=("192.0.2.1",), ttl=300.0)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nothing_but_such_packets_is_silence(forgery: Callable[[dns.message.Message], bytes]) -> None:
    answer = asked(forgery, "x.example", A, lifetime=0.5)
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.SILENT


def flood(sock: socket.socket, until: threading.Event) -> None:
    """Answer the first question with garbage, and never stop."""
    data, asker = sock.recvfrom(4096)
    while not until.is_set():
        with contextlib.suppress(OSError):  # the asker has left
            sock.sendto(data[:2] + b"\xff" * 30, asker)


def test_a_flood_of_garbage_holds_up_neither_the_deadline_nor_anybody_else() -> None:
    left = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooding, HostileNames(zone()) as good:
        flooding.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=flood, args=(flooding, left))
        thread.start()

        async def ask() -> tuple[Answer[str], Answer[str]]:
            flooded = DnsLookup([Server(*flooding.getsockname())], lifetime=1.0)
            other = DnsLookup([server_from(good.address)], lifetime=10.0)
            return await asyncio.gather(flooded.ask("x.example", A), other.ask("x.example", A))

        began = time.monotonic()
        flooded, other = asyncio.run(ask())
        left.set()
        thread.join()
    assert isinstance(flooded, Unknown)
    assert isinstance(other, Absent)
    assert time.monotonic() - began < 8


def test_a_record_with_an_illegal_value_does_not_hide_its_neighbours() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message:
        reply = zone('x.example TXT "v=spf1 -all"')(question)
        empty = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.TXT, b"")
        reply.answer[0].add(empty)
        return reply

    assert asked(answering, "x.example", TXT) == Found(records=("v=spf1 -all",), ttl=300.0)


def test_a_slow_answer_still_counts_until_the_deadline() -> None:
    """Asking again must not mean giving up on what was asked before."""

    def answering(question: dns.message.Message) -> dns.message.Message:
        time.sleep(0.8)
        return records(question, "192.0.2.1")

    assert isinstance(asked(answering, "x.example", A, lifetime=4.0), Found)


# Answers that are too long for UDP


def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    answer = asked(truncated, "x.example", A, over_tcp=zone("x.example A 192.0.2.1"))
    assert answer == Found(records=("192.0.2.1",), ttl=300.0)


def test_three_hundred_records_and_sixty_four_kilobytes_are_read() -> None:
    def answering(question: dns.message.Message) -> bytes:
        reply = dns.message.make_response(question)
        texts = (f'"{number:03d}{"x" * 195}"' for number in range(300))
        reply.answer.append(dns.rrset.from_text("x.example.", 300, "IN", "TXT", *texts))
        return reply.to_wire(max_size=65535)

    answer = asked(truncated, "x.example", TXT, over_tcp=answering)
    assert isinstance(answer, Found)
    assert len(answer.records) == 300


def test_tcp_that_stays_silent_ends_at_the_same_deadline() -> None:
    answer = asked(truncated, "x.example", A, lifetime=0.5)
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.TCP
    assert "no whole reply" in answer.because


def test_garbage_over_tcp_is_trouble() -> None:
    answer = asked(truncated, "x.example", A, over_tcp=noise)
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.TCP


TcpHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


class _Truncating(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(truncated(dns.message.from_wire(data)).to_wire(), addr)


@contextlib.asynccontextmanager
async def truncating_server(handler: TcpHandler) -> AsyncIterator[Server]:
    """Truncates over UDP; what TCP does is the handler's affair."""
    tcp = await asyncio.start_server(handler, "127.0.0.1", 0)
    address = tcp.sockets[0].getsockname()
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(_Truncating, local_addr=address)
    try:
        yield Server(address[0], address[1])
    finally:
        udp.close()
        tcp.close()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, of an answer that would be 64 KiB."""
    with contextlib.suppress(ConnectionError):
        writer.write(b"\xff\xff")
        while not reader.at_eof():
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.05)
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\0")
    writer.close()


@pytest.mark.parametrize("handler", [drip, hang_up])
def test_tcp_that_drips_or_hangs_up_is_trouble_within_the_deadline(handler: TcpHandler) -> None:
    async def ask() -> Answer[str]:
        async with truncating_server(handler) as server:
            answer = await DnsLookup([server], lifetime=1.0).ask("x.example", A)
            await asyncio.sleep(0.1)  # the handler sees that we left
            return answer

    began = time.monotonic()
    answer = asyncio.run(ask())
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.TCP
    assert time.monotonic() - began < 5
