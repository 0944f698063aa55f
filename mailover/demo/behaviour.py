"""How a fake provider can behave, and the sessions that behave so. Values and aiosmtpd's hooks; no thread, no port."""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Behaviour(StrEnum):
    """What a provider does to its customers. The words are what a person types in the demo."""

    HEALTHY = "healthy"
    REFUSE = "refuse"
    """Nothing listens: connections are refused, open ones are cut."""
    SILENT = "silent"
    """Connections are accepted and nothing is ever said."""
    BUSY = "busy"
    """Every connection is greeted with 421 and closed."""
    AUTH = "auth"
    """Every login is answered 535, as if the password had been changed."""
    THROTTLE = "throttle"
    """Every message is answered 454 after its final dot, as SES does at the account's rate limit."""
    SUSPENDED = "suspended"
    """Logins work, but no transaction may be begun: 554, the account is paused."""
    LOSE = "lose"
    """Messages are accepted and never arrive."""
    BROWN_OUT = "brown_out"
    """A share of the connections is greeted with 421 and closed."""
    SLOW = "slow"
    """Every session waits some seconds before its first EHLO is answered."""
    RECIPIENT = "recipient"
    """A share of the recipients is refused with 550: bad addresses, nobody's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """A behaviour with its measure."""

    behaviour: Behaviour = Behaviour.HEALTHY
    share: float = 1.0
    """Of connections (`brown_out`) or recipients (`recipient`)."""
    seconds: float = 0.0
    """Of each session's pause (`slow`)."""


class Share:
    """An even share without dice: of n calls exactly floor(n * share) are hit, spread as evenly as can be."""

    def __init__(self, share: float) -> None:
        """`share` is between 0 and 1."""
        self._share = share
        self._debt = 0.0

    def hit(self) -> bool:
        """Whether this one is hit."""
        self._debt += self._share
        hit = self._debt >= 1 - 1e-9
        self._debt -= hit
        return hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message that a fake provider has delivered."""

    provider: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    """As it was sent, without the dots of transparency."""
    at: datetime


Sink = Callable[[Delivered], None]
"""Where delivered messages go. It runs in the provider's own thread and may hold up that provider alone."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What all sessions of one provider share; belongs to the provider's own thread."""

    name: str
    username: str
    password: str
    sink: Sink | None
    manner: Manner = Manner()
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
