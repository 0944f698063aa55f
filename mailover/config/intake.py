"""The tables about taking mail: where else the relay listens, and what one client may take of it.

Shape only; nothing connects here.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator

from mailover.config.fields import Listen, Name, PositiveSpan, Table

_LEAST_MESSAGE = 65_536
_MOST_MESSAGE = 157_286_400


class ListenTls(StrEnum):
    """How a listener uses the certificate."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class ListenerSettings(Table):
    """One more place where the relay listens."""

    listen: Listen
    """Where; other than loopback needs a certificate and tokens with scope send."""
    tls: ListenTls = ListenTls.STARTTLS
    """How the certificate is used: offered by STARTTLS, or TLS from the first byte."""
    stream: Name | None = None
    """The stream of all mail that comes here, whatever the username; by default as at `relay.listen`."""


class LimitsSettings(Table):
    """What clients may take of the relay."""

    message_bytes: int = Field(default=26_214_400, ge=_LEAST_MESSAGE, le=_MOST_MESSAGE)
    """The largest message."""
    recipients: int = Field(default=100, ge=1, le=10_000)
    """Recipients of one message; a client sends the rest in the next one."""
    connections: int = Field(default=200, ge=1)
    """Connections at a time, all clients together."""
    connections_per_address: int = Field(default=20, ge=1)
    """Connections at a time from one address."""
    memory_bytes: int = Field(default=134_217_728, ge=_LEAST_MESSAGE)
    """What large messages on their way in may hold together; the next one waits."""
    commands: int = Field(default=300, ge=20)
    """Commands without a message among them, after which a session is ended."""
    login_attempts: int = Field(default=3, ge=1)
    """Refused logins after which a connection is ended."""
    idle: PositiveSpan = timedelta(minutes=5)
    """How long a client may be silent."""
    command: PositiveSpan = timedelta(seconds=30)
    """How long it may take over one line, or over the TLS handshake."""
    session: PositiveSpan = timedelta(minutes=10)
    """How long it may stay without handing over a message."""
    bytes_per_second: int = Field(default=500, ge=1)
    """The slowest that a message may come in, over half a minute."""
    stopping: PositiveSpan = timedelta(seconds=10)
    """How long what is on its way in may take when the relay stops."""

    @field_validator("memory_bytes")
    @classmethod
    def _holds_one(cls, memory: int, info: ValidationInfo) -> int:
        if memory < info.data.get("message_bytes", 0):
            raise ValueError("must hold at least one message of message_bytes")
        return memory
