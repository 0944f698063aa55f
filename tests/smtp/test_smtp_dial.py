"""From a name to a connection: addresses race, the budget is shared, and what fails is blamed on the right side."""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from hostile.names import HostileNames, records, refusal
from hostile.servers import HostileServer, Peer, smtp

from mailover.core.observations import FailureKind, Stage
from mailover.core.providers import Tls
from mailover.racing import AllFailedError, first_of
from mailover.resolve import Resolver
from mailover.smtp import Endpoint, Transcript, converse
from mailover.smtp.dial import NoneAnsweredError, dial
from mailover.smtp.transcript import AddressTried

K = FailureKind


def port_probe(host: str, port: int, resolver: Resolver, deadline: float = 2) -> Transcript:
    endpoint = Endpoint(host=host, port=port, tls=Tls.NONE)
    return asyncio.run(converse(endpoint, until=Stage.EHLO, deadline=deadline, resolver=resolver))


def named(names: HostileNames) -> Resolver:
    return Resolver(nameservers=[names.address], hosts_file="/nonexistent")


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """A listener on another loopback address whose queue is full: connecting to it gets no answer at all."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.77", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        time.sleep(0.05)  # the queue fills in the background
        yield listening


def test_a_dead_address_costs_a_quarter_of_a_second(black_hole: socket.socket) -> None:
    port = black_hole.getsockname()[1]
    with socket.socket() as good:
        good.bind(("127.0.0.1", port))
        good.listen()
        tried: list[AddressTried] = []
        began = time.monotonic()
        sock, address = asyncio.run(dial(["127.0.0.77", "127.0.0.1"], port, tried))
        sock.close()
    assert address == "127.0.0.1"
    assert 0.2 < time.monotonic() - began < 0.5
    assert {(one.address, one.error) for one in tried} == {("127.0.0.1", ""), ("127.0.0.77", "no answer")}


def test_dead_addresses_share_one_budget(black_hole: socket.socket) -> None:
    with HostileNames(lambda question: records(question, *["127.0.0.77"] * 1, "127.0.0.77")) as names:
        began = time.monotonic()
        transcript = port_probe("mail.example.com", black_hole.getsockname()[1], named(names), 0.8)
    assert transcript.failure is not None
    assert (transcript.failure.kind, transcript.failure.stage) == (K.TIMEOUT, Stage.CONNECT)
    assert transcript.failure.silent
    assert time.monotonic() - began < 1.3


def test_a_refusing_address_is_passed_over_at_once() -> None:
    with HostileServer(smtp()) as server, HostileNames(lambda q: records(q, "127.0.0.99", "127.0.0.1")) as names:
        began = time.monotonic()
        transcript = port_probe("mail.example.com", server.port, named(names))
    assert transcript.ok
    assert transcript.address == "127.0.0.1"
    assert time.monotonic() - began < 1


def test_a_missing_route_does_not_hide_a_refusal() -> None:
    with HostileServer(smtp()) as server:
        port = server.port
    with pytest.raises(NoneAnsweredError) as failed:
        asyncio.run(dial(["2001:db8::1", "127.0.0.1"], port, []))
    assert failed.value.error.errno == errno.ECONNREFUSED


def test_a_name_that_does_not_exist_is_the_provider_s_or_our_configuration_s_fault() -> None:
    with HostileNames(lambda question: refusal(question, dns.rcode.NXDOMAIN)) as names:
        failure = port_probe("nowhere.example.com", 25, named(names)).failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.replied) == (K.CONNECTION, Stage.RESOLVE, False)


@pytest.mark.parametrize("answer", [None, dns.rcode.SERVFAIL], ids=["mute", "servfail"])
def test_a_resolver_in_trouble_is_a_local_fault(answer: dns.rcode.Rcode | None) -> None:
    with HostileNames(lambda question: None if answer is None else refusal(question, answer)) as names:
        began = time.monotonic()
        failure = port_probe("mail.example.com", 25, named(names), 1).failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.LOCAL, Stage.RESOLVE)
    assert time.monotonic() - began < 1.5


def test_a_stale_address_is_dialled_and_noted() -> None:
    silent, at = [False], [0.0]

    def answering(question: dns.message.Message) -> dns.message.Message | None:
        return None if silent[0] else records(question, "127.0.0.1")

    with HostileServer(smtp()) as server, HostileNames(answering) as names:
        resolver = Resolver(nameservers=[names.address], hosts_file="/nonexistent", lifetime=0.3, now=lambda: at[0])
        assert port_probe("mail.example.com", server.port, resolver).ok
        silent[0], at[0] = True, 1000.0
        transcript = port_probe("mail.example.com", server.port, resolver)
    assert transcript.ok
    assert any("last good address" in note for note in transcript.notes)


def test_too_many_open_files_are_our_own_fault() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resolver = Resolver()

    async def probe_without_files() -> Transcript:
        endpoint = Endpoint(host="127.0.0.1", port=9, tls=Tls.NONE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            return await converse(endpoint, until=Stage.CONNECT, deadline=1, resolver=resolver)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    transcript = asyncio.run(probe_without_files())
    assert transcript.failure is not None
    assert (transcript.failure.kind, transcript.failure.stage) == (K.LOCAL, Stage.CONNECT)
    assert "EMFILE" in transcript.failure.text


def test_the_name_for_ehlo_comes_from_config_and_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("getfqdn hangs without a PTR record"))
    with HostileServer(smtp()) as server:
        endpoint = Endpoint(host="127.0.0.1", port=server.port, tls=Tls.NONE, ehlo_name="mx.example.org")
        asyncio.run(converse(endpoint, until=Stage.EHLO, deadline=2, resolver=Resolver()))
        assert server.peers[0].lines[0] == "EHLO mx.example.org"


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("step", ["banner", "ehlo"])
def test_a_cancelled_dialogue_leaves_nothing_behind(step: str) -> None:
    async def cancel(port: int) -> set[asyncio.Task[object]]:
        endpoint = Endpoint(host="127.0.0.1", port=port, tls=Tls.NONE)
        talking = asyncio.create_task(converse(endpoint, until=Stage.EHLO, deadline=30, resolver=Resolver()))
        await asyncio.sleep(0.1)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    with HostileServer(smtp({step: Peer.mute})) as server:
        before = open_files()
        left = asyncio.run(cancel(server.port))
        gc.collect()
        assert not left
        assert open_files() <= before + 1  # the server's end


def test_floods_do_not_starve_a_good_server() -> None:
    async def all_at_once(flood: int, good: int) -> tuple[list[Transcript], Transcript]:
        def probe(port: int) -> "asyncio.Task[Transcript]":
            endpoint = Endpoint(host="127.0.0.1", port=port, tls=Tls.NONE)
            return asyncio.create_task(converse(endpoint, until=Stage.EHLO, deadline=5, resolver=Resolver()))

        floods = [probe(flood) for _ in range(20)]
        healthy = await probe(good)
        return await asyncio.gather(*floods), healthy

    with HostileServer(lambda peer: peer.flood(b"220-x\r\n" * 1000)) as flood, HostileServer(smtp()) as good:
        floods, healthy = asyncio.run(all_at_once(flood.port, good.port))
    assert healthy.ok
    assert healthy.seconds < 2
    assert {one.failure and one.failure.kind for one in floods} == {K.PROTOCOL}


def test_the_first_to_succeed_wins_and_the_others_are_ended() -> None:
    ended: list[str] = []

    async def slow() -> str:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("slow")
        return "slow"

    async def fast() -> str:
        return "fast"

    assert asyncio.run(first_of([slow, fast], stagger=0.01)) == "fast"
    assert ended == ["slow"]


def test_results_that_came_too_late_are_discarded() -> None:
    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        return "late"

    async def fast() -> str:
        return "fast"

    discarded: list[str] = []
    assert asyncio.run(first_of([stubborn, fast], stagger=0.01, discard=discarded.append)) == "fast"
    assert discarded == ["late"]


def test_when_all_fail_every_error_is_told() -> None:
    async def failing() -> str:
        raise OSError("no")

    with pytest.raises(AllFailedError) as failed:
        asyncio.run(first_of([failing, failing], stagger=10))
    assert len(failed.value.errors) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"port": 0}, {"port": 65536}, {"host": ""}, {"host": "a b"}, {"host": "a\n"}, {"ehlo_name": "a\r\nRSET"}],
)
def test_an_endpoint_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a"):
        Endpoint(**{"host": "mail.example.com", "port": 587} | wrong)  # type: ignore[arg-type]


def test_a_dialogue_has_to_have_an_end_and_what_it_needs() -> None:
    endpoint = Endpoint(host="127.0.0.1", port=25)
    for until in (Stage.ARRIVE, Stage.RCPT, Stage.END_DATA):
        with pytest.raises(ValueError, match=r"end|needs"):
            asyncio.run(converse(endpoint, until=until, deadline=1, resolver=Resolver()))
