"""The mark of a test message: its nonce, the message that carries it, and finding it again. Text and bytes only."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime

from agent.probes.headers import Headers, values_of

PROBE_HEADER = "Mailover-Probe"
AGENT_HEADER = "Mailover-Agent"

_AGENT = re.compile(r"[0-9a-f]{8}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_NONCE_IN_SUBJECT = re.compile(r"\b[0-9a-f]{32}\b")
_ADDRESS = re.compile(r"[!-;=?-~]{1,64}@[A-Za-z0-9._:\[\]-]{1,255}")
"""What fits a 7-bit header and an envelope as it is: printable, without blanks and angle brackets."""

_TEXT = """\
This is a test message of mailover, sent to see whether mail through one of
your SMTP providers arrives. It is deleted once it has been found; there is
nothing to do.
"""


def agent_mark(identity: str) -> str:
    """The eight hex digits that all nonces of one agent begin with, so that agents can share a mailbox."""
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def check_agent(mark: str) -> None:
    """Raise ValueError for what is no agent's mark."""
    if not _AGENT.fullmatch(mark):
        raise ValueError(f"not an agent's mark: {mark!r}")


def check_address(address: str) -> None:
    """Raise ValueError for what cannot stand in a 7-bit message: test messages go through the plainest server."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not a plain ASCII address: {address!r}")


def fresh_nonce(agent: str) -> str:
    """32 hex digits: the agent's own mark, then 96 bits that nobody can guess."""
    return agent + secrets.token_hex(12)


def is_nonce(text: str) -> bool:
    """Whether the text has the shape of a nonce; nothing else ever gets into a search."""
    return _NONCE.fullmatch(text) is not None


def compose(*, nonce: str, sender: str, to: str, provider: str, at: datetime) -> bytes:
    """The marked message, 7-bit ASCII with CRLF line ends.

    Nonce and agent stand as words of their own in header and subject: some mailboxes search whole words only, and some
    providers drop headers that they do not know.
    """
    agent = nonce[:8]
    lines = (
        f"From: <{sender}>",
        f"To: <{to}>",
        f"Subject: mailover test {nonce} {agent}",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <{nonce}@{sender.rpartition('@')[2]}>",
        f"{PROBE_HEADER}: {nonce}",
        f"{AGENT_HEADER}: {agent}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "",
        *_TEXT.splitlines(),
        f"Provider: {provider if provider.isascii() and provider.isprintable() else '(not in ASCII)'}",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def nonce_of(headers: Headers) -> str | None:
    """The nonce that a delivered message carries; None for a message that is not a test of ours."""
    for value in values_of(headers, PROBE_HEADER):
        if is_nonce(value.strip()):
            return value.strip()
    return _first_nonce(values_of(headers, "Subject"))


def _first_nonce(values: Iterable[str]) -> str | None:
    found = (_NONCE_IN_SUBJECT.search(value) for value in values if "mailover test" in value)
    return next((match.group() for match in found if match), None)
