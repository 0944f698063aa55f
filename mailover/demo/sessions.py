"""A fake provider's sessions: what each connection meets under the provider's present behaviour.

They run in the provider's loop and share one desk. No thread and no port here.
"""

import asyncio
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mailover.demo.behaviour import Behaviour, Delivered, Manner, Share, Sink


@dataclass(slots=True, kw_only=True)
class Desk:
    """What all sessions of one provider share; belongs to the provider's own thread."""

    name: str
    username: str
    password: str
    sink: Sink | None
    manner: Manner = field(default_factory=Manner)
    hits: Share
    connections: int = 0
    logins: int = 0
    refused_logins: int = 0
    messages: int = 0

    def turns_away(self) -> bool:
        """Whether this new connection gets 421 instead of a dialogue."""
        self.connections += 1
        match self.manner.behaviour:
            case Behaviour.BUSY:
                return True
            case Behaviour.BROWN_OUT:
                return self.hits.hit()
            case _:
                return False

    def admit(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, told: Any) -> AuthResult:
        """Check a login. aiosmtpd answers a refused one only when it is marked as not handled yet."""
        good = (
            isinstance(told, LoginPassword)
            and self.manner.behaviour is not Behaviour.AUTH
            and hmac.compare_digest(told.login, self.username.encode())
            and hmac.compare_digest(told.password, self.password.encode())
        )
        if good:
            self.logins += 1
            return AuthResult(success=True)
        self.refused_logins += 1
        return AuthResult(success=False, handled=False)


class Hooks:
    """aiosmtpd's view of a provider: only the hooks that can misbehave."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle_EHLO(  # noqa: N802 -- aiosmtpd finds its hooks by these names
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Slow providers take their time here, once in a session (the second EHLO follows STARTTLS)."""
        manner = self._desk.manner
        if manner.behaviour is Behaviour.SLOW and session.ssl is None:
            await asyncio.sleep(manner.seconds)
        session.host_name = hostname
        return [*responses[:-1], "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only customers may begin, and of these no paused account."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        if self._desk.manner.behaviour is Behaviour.SUSPENDED:
            return "554 5.7.1 Message rejected: Sending paused for this account"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Some addresses are bad."""
        if self._desk.manner.behaviour is Behaviour.RECIPIENT and self._desk.hits.hit():
            return "550 5.1.1 The email account that you tried to reach does not exist"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """After the final dot: refuse for now, lose, or deliver."""
        desk = self._desk
        if desk.manner.behaviour is Behaviour.THROTTLE:
            return "454 4.7.0 Throttling failure: Maximum sending rate exceeded"
        desk.messages += 1
        if desk.sink is not None and desk.manner.behaviour is not Behaviour.LOSE:
            content = envelope.content
            desk.sink(
                Delivered(
                    provider=desk.name,
                    sender=envelope.mail_from or "",
                    recipients=tuple(envelope.rcpt_tos),
                    content=content if isinstance(content, bytes) else (content or "").encode(),
                    at=datetime.now(UTC),
                )
            )
        return f"250 2.0.0 OK queued as {desk.name}-{desk.messages}"

    async def handle_exception(self, error: Exception) -> str:
        """Our own trouble (a sink that failed) is temporary and told without its text."""
        return f"451 4.3.0 Local trouble ({type(error).__name__})"


class Curt(asyncio.Protocol):
    """A server that says at most one thing."""

    def __init__(self, book: set[asyncio.BaseTransport], greeting: bytes | None) -> None:
        """`book` has every open transport; with a `greeting` it is said, and that was all."""
        self._book = book
        self._greeting = greeting
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it."""
        self._transport = transport
        self._book.add(transport)
        if self._greeting is not None and isinstance(transport, asyncio.WriteTransport):
            transport.write(self._greeting)
            transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        if self._transport is not None:
            self._book.discard(self._transport)


class Visit(Session):
    """What aiosmtpd keeps of a dialogue, without the old `login_data`: it warns in the log at every login."""

    login_data: Any = None


class Dialogue(SMTP):
    """An SMTP session that can be cut from outside."""

    def __init__(self, hooks: Hooks, book: set[asyncio.BaseTransport], **options: Any) -> None:
        """`options` are aiosmtpd's."""
        self._book = book
        self._mine: list[asyncio.BaseTransport] = []
        super().__init__(hooks, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called again after STARTTLS, with the encrypted transport over the first one."""
        self._mine.append(transport)
        self._book.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over, encrypted or not."""
        self._book.difference_update(self._mine)
        super().connection_lost(error)

    def _create_session(self) -> Session:
        return Visit(self.loop)
