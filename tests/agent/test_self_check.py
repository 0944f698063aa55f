"""References: who answers a connection, who doesn't, and that a silent one delays nobody."""

import asyncio
import socket
import time

import pytest
from hostile.servers import HostileServer, Peer
from mailboxes import utc_now

from agent.self_check import Reference, ask, ask_all
from mailover.core.observations import ReferenceSeen
from mailover.resolve import Resolver


def mute(peer: Peer) -> None:
    peer.mute()


def asked(*references: Reference, deadline: float = 2.0, resolver: Resolver | None = None) -> tuple[ReferenceSeen, ...]:
    return asyncio.run(ask_all(references, resolver=resolver or Resolver(), now=utc_now, deadline=deadline))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_completed_connection_is_an_answer_though_nothing_is_said() -> None:
    with HostileServer(mute) as server:
        before = utc_now()
        (seen,) = asked(Reference(host="localhost", port=server.port))
    assert seen.answered
    assert seen.target == f"localhost:{server.port}"
    assert before <= seen.started_at <= seen.at


def test_a_connection_that_is_reset_at_once_was_still_an_answer() -> None:
    with HostileServer(lambda peer: peer.reset()) as server:
        (seen,) = asked(Reference(host="127.0.0.1", port=server.port))
    assert seen.answered


def test_a_refusal_is_no_answer_because_our_own_firewall_refuses_likewise() -> None:
    (seen,) = asked(Reference(host="127.0.0.1", port=free_port()))
    assert not seen.answered


def test_a_name_that_cannot_be_resolved_is_no_answer() -> None:
    (seen,) = asked(Reference(host="nowhere.invalid", port=443), resolver=Resolver(nameservers=["127.0.0.1:9"]))
    assert not seen.answered


def test_references_are_asked_at_once_and_a_mute_one_ends_at_its_deadline() -> None:
    with socket.socket() as full, HostileServer(mute) as server:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        mute_one = Reference(host="127.0.0.1", port=port)
        seen = asked(mute_one, mute_one, mute_one, Reference(host="127.0.0.1", port=server.port), deadline=0.7)
        took = time.monotonic() - began
        for each in waiting:
            each.close()
    assert [each.answered for each in seen] == [False, False, False, True]
    assert took < 3


def test_one_reference_can_be_asked_alone() -> None:
    with HostileServer(mute) as server:
        reference = Reference(host="127.0.0.1", port=server.port)
        assert asyncio.run(ask(reference, resolver=Resolver(), now=utc_now)).answered


def test_a_references_name_is_fit_for_people() -> None:
    assert Reference(host="::1", port=443).name == "[::1]:443"


@pytest.mark.parametrize(("host", "port"), [("", 443), ("a\nb", 443), ("a", 0), ("a", 65536)])
def test_what_is_no_reference_is_refused(host: str, port: int) -> None:
    with pytest.raises(ValueError, match="not a reference"):
        Reference(host=host, port=port)
