"""The probes that end with the dialogue: port, login, envelope, against real servers on loopback."""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest
from hostile.servers import HostileServer, Peer, smtp
from looks import looking, target_at, target_of, trip_to
from mailboxes import utc_now

from agent.probes import PROBES, Target
from agent.probes.arrivals import Arrivals
from agent.probes.webhook import WebhookMailbox
from mailover.core.observations import Depth, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.providers import Tls
from mailover.demo.provider import Behaviour, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider("postmark") as running:
        yield running


def look(kind: ProbeKind, target: Target, *, deadline: float = 5.0) -> Observation:
    async def go() -> Observation:
        return (await PROBES[kind](target, looking(deadline=deadline))).observation

    return asyncio.run(go())


def test_every_kind_has_its_probe() -> None:
    assert set(PROBES) == set(ProbeKind)


def test_a_port_probe_sees_address_tls_certificate_and_the_seconds_of_each_stage(
    provider: Provider, ca_file: str
) -> None:
    seen = look(ProbeKind.PORT, target_of(provider, ca_file))
    assert seen.ok
    assert (seen.provider, seen.probe, seen.purpose, seen.depth) == (
        "postmark",
        ProbeKind.PORT,
        Purpose.SCHEDULED,
        Depth.PORT,
    )
    assert [stage for stage, _ in seen.stages][:5] == list(Stage)[:5]
    assert seen.facts["tls_version"] in {"TLSv1.2", "TLSv1.3"}
    assert seen.facts["address"] in {"127.0.0.1", "::1"}
    assert datetime.fromisoformat(str(seen.facts["certificate_not_after"])) > utc_now()
    assert 0 <= seen.seconds < 5
    assert provider.logins == 0


def test_a_port_probe_works_with_implicit_tls(ca_file: str) -> None:
    with Provider("ses", tls=Tls.IMPLICIT) as provider:
        assert look(ProbeKind.PORT, target_of(provider, ca_file)).ok


def test_a_login_probe_logs_in_once_and_sends_nothing(provider: Provider, ca_file: str) -> None:
    seen = look(ProbeKind.LOGIN, target_of(provider, ca_file))
    assert (seen.ok, seen.depth) == (True, Depth.LOGIN)
    assert (provider.logins, provider.messages) == (1, 0)


def test_a_wrong_password_is_ours_tried_once_and_never_told(provider: Provider, ca_file: str) -> None:
    seen = look(ProbeKind.LOGIN, target_of(provider, ca_file, password="wrong-s3cret"))
    assert seen.failure is not None
    assert (seen.failure.kind, seen.failure.stage, seen.depth) == (FailureKind.AUTH, Stage.AUTH, Depth.LOGIN)
    assert provider.refused_logins == 1
    assert "wrong-s3cret" not in repr(seen)


def test_an_envelope_probe_offers_a_message_and_never_sends_one(provider: Provider, ca_file: str) -> None:
    seen = look(ProbeKind.ENVELOPE, target_of(provider, ca_file))
    assert (seen.ok, seen.depth) == (True, Depth.ENVELOPE)
    assert provider.messages == 0
    assert Stage.RCPT in dict(seen.stages)


def test_an_envelope_probe_sees_what_lies_behind_a_good_login(provider: Provider, ca_file: str) -> None:
    provider.behave(Behaviour.SUSPENDED)
    assert look(ProbeKind.LOGIN, target_of(provider, ca_file)).ok
    seen = look(ProbeKind.ENVELOPE, target_of(provider, ca_file))
    assert seen.failure is not None
    assert (seen.failure.kind, seen.depth) == (FailureKind.SUSPENDED, Depth.ENVELOPE)


def test_an_envelope_probe_without_an_address_of_ours_claims_no_more_than_a_login(
    provider: Provider, ca_file: str
) -> None:
    seen = look(ProbeKind.ENVELOPE, target_of(provider, ca_file, sender=""))
    assert (seen.ok, seen.probe, seen.depth) == (True, ProbeKind.ENVELOPE, Depth.LOGIN)


def test_an_envelope_probe_is_addressed_to_the_mailbox_of_the_round_trips() -> None:
    arrivals = Arrivals(utc_now)
    there = looking(round_trip=trip_to(WebhookMailbox(arrivals), arrivals))

    async def go(target: Target) -> Observation:
        return (await PROBES[ProbeKind.ENVELOPE](target, there)).observation

    with HostileServer(smtp()) as server:
        assert asyncio.run(go(target_at(server.port))).ok
    lines = server.peers[0].lines
    assert "RCPT TO:<probe@example.com>" in lines
    assert not any(line.startswith("DATA") for line in lines)


def test_a_silent_provider_fails_at_the_deadline_without_a_reply(provider: Provider, ca_file: str) -> None:
    provider.behave(Behaviour.SILENT)
    seen = look(ProbeKind.PORT, target_of(provider, ca_file), deadline=0.3)
    assert seen.failure is not None
    assert (seen.failure.kind, seen.failure.replied, seen.depth) == (FailureKind.TIMEOUT, False, Depth.PORT)
    assert 0.2 < seen.seconds < 3


def test_a_refused_connection_is_silence(provider: Provider, ca_file: str) -> None:
    provider.behave(Behaviour.REFUSE)
    seen = look(ProbeKind.LOGIN, target_of(provider, ca_file))
    assert seen.failure is not None
    assert (seen.failure.kind, seen.failure.silent, seen.depth) == (FailureKind.CONNECTION, True, Depth.PORT)


def test_what_the_peer_does_at_the_farewell_is_not_in_the_seconds() -> None:
    def stubborn(peer: Peer) -> None:
        peer.say("220 hello")
        peer.line()
        peer.say("250 hello")
        peer.mute()

    with HostileServer(stubborn) as server:
        seen = look(ProbeKind.PORT, target_at(server.port))
    assert seen.ok
    assert seen.seconds < 0.9


@pytest.mark.parametrize("sender", ["Jo <jo@example.com>", "jo@example.com\r\nBcc: x@y.z", "j\u00f6@example.com", "jo"])
def test_a_sender_that_cannot_stand_in_a_plain_message_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="not a plain ASCII address"):
        Target(provider="x", endpoint=target_at(25).endpoint, sender=sender)
