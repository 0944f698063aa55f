"""The round trip through a real Postfix into a real Dovecot, and who is blamed when one of them is down."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from real_dovecot import Dovecot
from real_postfix import Postfix

from agent.probes import PROBES, Looking, RoundTrip, Seen, Target
from agent.probes.arrivals import Arrivals
from agent.probes.imap import ImapAccount, ImapMailbox
from mailover.core.observations import Depth, FailureKind, ProbeKind, Purpose, Stage
from mailover.core.providers import Tls
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint

pytestmark = pytest.mark.peer("postfix", "dovecot")

PROBE = "probe@example.test"
PASSWORD = "correct horse"
AGENT = "0badcafe"


def now() -> datetime:
    return datetime.now(UTC)


def go_round(
    postfix: Postfix,
    dovecot: Dovecot,
    ca_file: str,
    *,
    tls: Tls = Tls.IMPLICIT,
    password: str = PASSWORD,
    mailbox_password: str = PASSWORD,
    to: str = PROBE,
    deadline: float = 20,
) -> Seen:
    port = dovecot.port if tls is Tls.IMPLICIT else dovecot.starttls_port
    account = ImapAccount(
        endpoint=Endpoint(host=dovecot.host, port=port, tls=tls, ca_file=ca_file),
        credentials=Credentials(username=PROBE, password=Secret(mailbox_password)),
        folders=("INBOX", "Junk"),
    )
    target = Target(
        provider="postfix",
        endpoint=Endpoint(host=postfix.host, port=postfix.port, ca_file=ca_file),
        credentials=Credentials(username="app", password=Secret(password)),
        sender="app@example.test",
    )

    async def looked() -> Seen:
        resolver = Resolver()
        arrivals = Arrivals(now)
        mailbox = ImapMailbox(account, agent=AGENT, arrivals=arrivals, resolver=resolver, now=now)
        trip = RoundTrip(to=to, mailbox=mailbox, arrivals=arrivals, agent=AGENT, deadline=deadline)
        await mailbox.open()
        try:
            looking = Looking(purpose=Purpose.SCHEDULED, now=now, resolver=resolver, round_trip=trip)
            return await PROBES[ProbeKind.ROUND_TRIP](target, looking)
        finally:
            await asyncio.sleep(0.5)  # the sweep after a find is part of the look
            await mailbox.close()

    return asyncio.run(looked())


def letters(directory: Path) -> set[str]:
    """The messages that lie in a Maildir, folders and all; their names without the flags that readers set."""
    return {
        path.name.partition(":")[0]
        for path in directory.rglob("*")
        if path.is_file() and path.parent.name in {"cur", "new"}
    }


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
def test_the_marked_message_is_found_and_removed(postfix: Postfix, dovecot: Dovecot, ca_file: str, tls: Tls) -> None:
    before = letters(dovecot.maildir(PROBE))
    seen = go_round(postfix, dovecot, ca_file, tls=tls)
    assert seen.observation.ok, (seen, postfix.story(), dovecot.story())
    assert seen.observation.depth is Depth.SEND
    assert dict(seen.observation.stages)[Stage.ARRIVE] < 20
    assert seen.observation.facts["folder"] == "INBOX"
    assert seen.mailbox is not None
    assert seen.mailbox.readable
    assert letters(dovecot.maildir(PROBE)) == before


def test_a_wrong_password_at_the_provider_is_the_accounts_failure(
    postfix: Postfix, dovecot: Dovecot, ca_file: str
) -> None:
    seen = go_round(postfix, dovecot, ca_file, password="wrong")
    assert seen.observation.failure is not None
    assert seen.observation.failure.kind is FailureKind.AUTH


def test_a_stopped_mailbox_blames_only_the_mailbox(postfix: Postfix, dovecot: Dovecot, ca_file: str) -> None:
    dovecot.stop()
    seen = go_round(postfix, dovecot, ca_file, deadline=6)
    assert seen.observation.ok
    assert seen.observation.depth is Depth.ENVELOPE
    assert seen.mailbox is not None
    assert not seen.mailbox.readable


def test_a_wrong_password_at_the_mailbox_blames_only_the_mailbox(
    postfix: Postfix, dovecot: Dovecot, ca_file: str
) -> None:
    seen = go_round(postfix, dovecot, ca_file, mailbox_password="wrong")
    assert seen.observation.ok
    assert seen.mailbox is not None
    assert not seen.mailbox.readable
    assert "wrong" not in seen.mailbox.text


def test_a_message_that_lands_in_junk_is_found_there(postfix: Postfix, dovecot: Dovecot, ca_file: str) -> None:
    seen = go_round(postfix, dovecot, ca_file, to="junk@example.test")
    assert seen.observation.ok
    assert seen.observation.facts["folder"] == "Junk"
