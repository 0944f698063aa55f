"""Fetching an MTA-STS policy from a real web server, and from some that are none."""

import asyncio
import ssl
import time

import pytest
import trustme
from hostile.servers import HostileServer, Peer, Script
from hostile.talking import context_of

from agent.sts_policy import fetching
from dns_checks.tls_policies import Fetched
from mailover.resolve import Resolver

POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 604800\n"
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(ca: trustme.CA) -> ssl.SSLContext:
    made: ssl.SSLContext = context_of(ca.issue_cert("mta-sts.localhost"))
    return made


@pytest.fixture(scope="module")
def trusted(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


def saying(context: ssl.SSLContext, answer: str) -> Script:
    def script(peer: Peer) -> None:
        peer.secure(context)
        while peer.line():
            pass
        peer.say(answer.encode())

    return script


def fetched(script: Script, trusted: str | None, deadline: float = 5) -> tuple[Fetched, list[str]]:
    """What came of it, and the lines of the request."""
    with HostileServer(script) as server:
        fetch = fetching(Resolver(), port=server.port, deadline=deadline, ca_file=trusted)

        async def go() -> Fetched:
            return await fetch("localhost")

        return asyncio.run(go()), [line for peer in server.peers for line in peer.lines]


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(POLICY)}\r\n\r\n{POLICY}",
        f"HTTP/1.0 200 OK\r\n\r\n{POLICY}",
        f"{CHUNKED}{len(POLICY):x}\r\n{POLICY}\r\n0\r\n\r\n",
    ],
    ids=["length", "until the end", "chunked"],
)
def test_a_policy_is_read_however_it_is_sent(context: ssl.SSLContext, trusted: str, answer: str) -> None:
    found, lines = fetched(saying(context, answer), trusted)
    assert found == Fetched(text=POLICY)
    assert lines[:2] == ["GET /.well-known/mta-sts.txt HTTP/1.1", "Host: mta-sts.localhost"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP status 404"),
        ("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n", "redirects don't count"),
        ("hello\r\n", "no HTTP"),
        (f"HTTP/1.1 200 OK\r\n\r\n{'x' * 100_000}", "longer than"),
        (f"HTTP/1.1 200 OK\r\nX: {'x' * 100_000}\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nversion: STSv1\n", "cut short"),
        ("", "no answer"),
    ],
)
def test_whatever_else_is_answered_is_no_policy(context: ssl.SSLContext, trusted: str, answer: str, says: str) -> None:
    found, _ = fetched(saying(context, answer), trusted)
    assert found.text is None
    assert says in found.because


def test_a_server_that_cannot_prove_its_name_is_not_asked(context: ssl.SSLContext) -> None:
    found, lines = fetched(saying(context, POLICY), None)
    assert (found.text, lines) == (None, [])
    assert "certificate" in found.because


def test_a_mute_server_costs_the_deadline_and_no_more(trusted: str) -> None:
    began = time.monotonic()
    found, _ = fetched(lambda peer: peer.mute(), trusted, deadline=0.3)
    assert (found.text, found.because) == (None, "mta-sts.localhost: no whole answer within 0.3 s")
    assert time.monotonic() - began < 5


def test_a_port_where_nobody_listens_is_said() -> None:
    with HostileServer(lambda peer: peer.reset()) as server:
        port = server.port

    async def go() -> Fetched:
        return await fetching(Resolver(), port=port)("localhost")

    assert "no connection" in asyncio.run(go()).because
