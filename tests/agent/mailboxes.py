"""Mailboxes read over IMAP from servers on loopback, and the messages that arrive in them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imap_server import PASSWORD, USERNAME

from agent.probes.arrivals import Arrivals, Found
from agent.probes.imap import ImapAccount, ImapMailbox
from agent.probes.marks import compose
from mailover.core.providers import Tls
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint, Mechanism

AGENT = "0a1b2c3d"
NONCE = AGENT + "0" * 23 + "1"
OTHER_NONCE = AGENT + "0" * 23 + "2"


def utc_now() -> datetime:
    return datetime.now(UTC)


def marked(nonce: str = NONCE, extra: bytes = b"") -> bytes:
    """A test message as a mailbox keeps it, with more headers on top."""
    message = compose(nonce=nonce, sender="noreply@example.com", to=USERNAME, provider="postmark", at=utc_now())
    return extra + message


def account(
    port: int,
    *,
    tls: Tls = Tls.NONE,
    ca_file: str | None = None,
    allow_plaintext: bool = True,
    password: str = PASSWORD,
    folders: Sequence[str] = ("INBOX", "Junk"),
    mechanism: Mechanism | None = None,
) -> ImapAccount:
    return ImapAccount(
        endpoint=Endpoint(host="localhost", port=port, tls=tls, ca_file=ca_file, allow_plaintext=allow_plaintext),
        credentials=Credentials(username=USERNAME, password=Secret(password), mechanism=mechanism),
        folders=tuple(folders),
    )


@dataclass(frozen=True, kw_only=True)
class Looked:
    found: Found
    seconds: float
    arrivals: Arrivals


def look(
    where: ImapAccount,
    *,
    within: float = 1.0,
    nonce: str = NONCE,
    arrivals: Arrivals | None = None,
    linger: float = 3.0,
) -> Looked:
    """Look once, let the sweep end (`linger` seconds at most), and close."""

    async def go() -> Looked:
        board = arrivals or Arrivals(utc_now)
        mailbox = ImapMailbox(where, agent=AGENT, arrivals=board, resolver=Resolver(), now=utc_now)
        await mailbox.open()
        began = time.monotonic()
        try:
            found = await mailbox.find(nonce, within=within)
            seconds = time.monotonic() - began
            await asyncio.wait({asyncio.create_task(mailbox.idle())}, timeout=linger)
        finally:
            await mailbox.close()
        return Looked(found=found, seconds=seconds, arrivals=board)

    return asyncio.run(go())
