"""What a dialogue is held with and about: endpoint, credentials, envelope. Values only, checked when built."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailover.core.providers import Tls
from mailover.secrets import Secret

_EHLO_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_HIGHEST_PORT = 65535


class Mechanism(StrEnum):
    """How to log in (RFC 4616, the old LOGIN, and the OAuth 2 bearer of Google and Microsoft)."""

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    XOAUTH2 = "XOAUTH2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider listens and how to talk to it."""

    host: str
    """A name or an address; certificates are always verified for exactly this."""
    port: int
    tls: Tls = Tls.STARTTLS
    ca_file: str | None = None
    """PEM file of the authorities to trust instead of the system's."""
    allow_plaintext: bool = False
    """Whether credentials may be sent without TLS; only ever true for a peer on a trusted wire."""
    ehlo_name: str = "[127.0.0.1]"
    """What we call ourselves; never asked from the resolver, because getfqdn can hang for half a minute."""

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise ValueError(f"not a host: {self.host!r}")
        if not 1 <= self.port <= _HIGHEST_PORT:
            raise ValueError(f"not a port: {self.port}")
        if not _EHLO_NAME.fullmatch(self.ehlo_name):
            raise ValueError(f"not a name for EHLO: {self.ehlo_name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who logs in. `password` is the access token for XOAUTH2."""

    username: str
    password: Secret
    mechanism: Mechanism | None = None
    """None: the best that is offered, PLAIN before LOGIN; XOAUTH2 only when it is asked for here."""

    def __post_init__(self) -> None:
        if "\0" in self.username or "\0" in self.password.reveal():
            raise ValueError("a username or password cannot contain NUL (RFC 4616)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Whom a message is from and for (RFC 5321 section 2.3.1); an empty sender is the null reverse-path."""

    sender: str
    recipients: tuple[str, ...]
    utf8: bool = False
    """Whether the message has headers that only SMTPUTF8 allows (RFC 6531), whatever the addresses."""

    def __post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("an envelope needs a recipient")
