"""Mail exchangers on a real wire: who answers, who takes STARTTLS, who says neither in time."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from hostile.servers import HostileServer, Peer, Script, smtp
from hostile.talking import context_of

from agent.mail_exchangers import reaching
from dns_checks.mx import Reach, Reached


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def proven(ca: trustme.CA) -> ssl.SSLContext:
    return context_of(ca.issue_cert("localhost"))


def met(reach: Reach) -> Reached:
    async def meet() -> Reached:
        return await reach("localhost", "127.0.0.1")

    return asyncio.run(meet())


def reached(script: Script, *, ca_file: Path | None = None, deadline: float = 5) -> tuple[Reached, list[str]]:
    """What was found, and every line that the exchanger was sent."""
    with HostileServer(script) as server:
        reach = reaching(port=server.port, deadline=deadline, ca_file=str(ca_file) if ca_file else None)
        return met(reach), [line.partition(" ")[0] for peer in server.peers for line in peer.lines]


def test_an_exchanger_with_starttls_is_asked_for_nothing_more(
    ca: trustme.CA, proven: ssl.SSLContext, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(authority))
    found, lines = reached(smtp(context=proven), ca_file=authority)
    assert found == Reached(reached=True, starttls=True)
    assert lines == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


def test_a_certificate_of_its_own_making_is_no_lack_of_starttls(proven: ssl.SSLContext) -> None:
    found, _ = reached(smtp(context=proven))
    assert (found.reached, found.starttls) == (True, True)
    assert "certificate" in found.because


def say(text: str) -> Callable[[Peer], None]:
    return lambda peer: peer.say(text)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (smtp(), "does not offer STARTTLS"),
        (smtp({"starttls": say("454 4.7.0 TLS not available")}, offers=["STARTTLS"]), "TLS not available"),
    ],
)
def test_without_starttls_mail_would_travel_in_the_clear(script: Script, says: str) -> None:
    found, _ = reached(script)
    assert (found.reached, found.starttls) == (True, False)
    assert says in found.because


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (smtp({"banner": say("554 5.7.1 nobody is served here")}), "nobody is served here"),
        (lambda peer: peer.reset(), "closed"),
        (lambda peer: peer.flood(b"x" * 4096), ""),
    ],
)
def test_who_greets_nobody_is_not_reached(script: Script, says: str) -> None:
    found, _ = reached(script)
    assert (found.reached, found.starttls) == (False, None)
    assert found.because
    assert says in found.because or "reset" in found.because


def test_a_mute_exchanger_costs_its_deadline_and_no_more() -> None:
    began = time.monotonic()
    found, _ = reached(lambda peer: peer.mute(), deadline=0.3)
    assert not found.reached
    assert time.monotonic() - began < 5


def test_a_name_that_is_none_is_connected_to_by_nobody() -> None:
    async def meet() -> Reached:
        return await reaching(port=9)("mx one\r\n", "127.0.0.1")

    assert not asyncio.run(meet()).reached
