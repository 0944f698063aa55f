"""On what terms mail is taken: what is offered to the client, what is asked of it, where its patience ends. Values."""

from dataclasses import dataclass
from enum import StrEnum


class Logins(StrEnum):
    """Whether a client logs in (RFC 4954)."""

    NEVER = "never"
    """It cannot: AUTH is not offered."""
    OPTIONAL = "optional"
    REQUIRED = "required"
    """MAIL is refused before it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one listener."""

    hostname: str
    """What the server calls itself; never asked from a resolver."""
    largest: int = 26_214_400
    """Bytes of a message."""
    recipients: int = 100
    """Of one message."""
    tls_offered: bool = False
    """Whether STARTTLS is offered as long as the dialogue is in the clear."""
    tls_required: bool = False
    """Whether nothing is taken in the clear."""
    logins: Logins = Logins.NEVER
    clear_logins: bool = False
    """Whether a password may come in the clear: between processes of one machine."""
    guesses: int = 3
    """Refused logins, after which the dialogue is ended."""
    errors: int = 20
    """Commands that were refused as nonsense, after which it is ended."""
    commands: int = 300
    """Commands without a message being taken, after which it is ended; RCPT within the limit not counted."""
