"""mailover's own SMTP client and its port, login and envelope probes, through a real Postfix."""

import asyncio
from datetime import UTC, datetime

import pytest
from real_postfix import Postfix

from agent.probes import PROBES, Looking, Target
from mailover.core.observations import Depth, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint, Envelope, Mechanism, Transcript, converse

pytestmark = pytest.mark.peer("postfix", "dovecot")

PROBE = "probe@example.test"
PASSWORD = "correct horse"
ENVELOPE = Envelope(sender="app@example.test", recipients=(PROBE,))


def endpoint_of(postfix: Postfix, ca_file: str | None) -> Endpoint:
    return Endpoint(host=postfix.host, port=postfix.port, ca_file=ca_file)


def talk(
    postfix: Postfix,
    ca_file: str | None,
    *,
    password: str = PASSWORD,
    mechanism: Mechanism | None = None,
    envelope: Envelope = ENVELOPE,
) -> Transcript:
    async def held() -> Transcript:
        return await converse(
            endpoint_of(postfix, ca_file),
            until=Stage.END_DATA,
            deadline=15,
            resolver=Resolver(),
            credentials=Credentials(username="app", password=Secret(password), mechanism=mechanism),
            envelope=envelope,
            message=b"Subject: hello\r\n\r\n.\r\n..dots\r\n",
        )

    return asyncio.run(held())


def probe(postfix: Postfix, ca_file: str, kind: ProbeKind, password: str = PASSWORD) -> Observation:
    target = Target(
        provider="postfix",
        endpoint=endpoint_of(postfix, ca_file),
        credentials=Credentials(username="app", password=Secret(password)),
        sender="app@example.test",
    )

    async def looked() -> Observation:
        looking = Looking(purpose=Purpose.SCHEDULED, now=lambda: datetime.now(UTC), resolver=Resolver())
        return (await PROBES[kind](target, looking)).observation

    return asyncio.run(looked())


@pytest.mark.parametrize("mechanism", [Mechanism.PLAIN, Mechanism.LOGIN])
def test_a_message_is_sent_through_starttls_and_sasl(postfix: Postfix, ca_file: str, mechanism: Mechanism) -> None:
    transcript = talk(postfix, ca_file, mechanism=mechanism)
    assert transcript.ok, transcript.failure
    assert transcript.reached is Stage.END_DATA
    assert transcript.tls is not None
    assert transcript.tls.version.startswith("TLSv1.")
    assert any("queued as" in reply.text for reply in transcript.replies)


def test_a_wrong_password_is_of_kind_auth(postfix: Postfix, ca_file: str) -> None:
    failure = talk(postfix, ca_file, password="wrong").failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.code) == (FailureKind.AUTH, Stage.AUTH, 535)
    assert "wrong" not in failure.text


def test_a_certificate_of_an_unknown_authority_is_of_kind_tls(postfix: Postfix) -> None:
    failure = talk(postfix, None).failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (FailureKind.TLS, Stage.STARTTLS)


def test_an_unknown_mailbox_blames_nobody(postfix: Postfix, ca_file: str) -> None:
    stranger = Envelope(sender="app@example.test", recipients=("nobody@example.test",))
    failure = talk(postfix, ca_file, envelope=stranger).failure
    assert failure is not None
    assert failure.kind is FailureKind.RECIPIENT
    assert not failure.kind.moves_breaker


def test_one_bad_recipient_does_not_keep_the_other_from_its_mail(postfix: Postfix, ca_file: str) -> None:
    both = Envelope(sender="app@example.test", recipients=("nobody@example.test", PROBE))
    transcript = talk(postfix, ca_file, envelope=both)
    assert [one.failure is None for one in transcript.recipients] == [False, True]
    assert transcript.reached is Stage.END_DATA


def test_a_stopped_postfix_is_of_kind_connection(postfix: Postfix, ca_file: str) -> None:
    postfix.stop()
    failure = talk(postfix, ca_file).failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.replied) == (FailureKind.CONNECTION, Stage.CONNECT, False)


@pytest.mark.parametrize("kind", [ProbeKind.PORT, ProbeKind.LOGIN, ProbeKind.ENVELOPE])
def test_every_probe_finds_a_healthy_postfix_healthy(postfix: Postfix, ca_file: str, kind: ProbeKind) -> None:
    seen = probe(postfix, ca_file, kind)
    assert seen.ok, seen.failure
    assert seen.depth is kind.depth


def test_a_login_probe_tells_a_wrong_password_where_a_port_probe_sees_nothing(postfix: Postfix, ca_file: str) -> None:
    assert probe(postfix, ca_file, ProbeKind.PORT, password="wrong").ok
    seen = probe(postfix, ca_file, ProbeKind.LOGIN, password="wrong")
    assert seen.failure is not None
    assert (seen.failure.kind, seen.depth) == (FailureKind.AUTH, Depth.LOGIN)
