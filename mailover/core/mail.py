"""Mail that was entrusted to the relay: what is submitted, what becomes of each recipient, and what was settled.

Values only. Where mail is kept is `storage.mail`'s business, where it goes `routing`'s, how it gets there the relay's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailover.core.observations import Failure


class Fate(StrEnum):
    """What became of one recipient's copy. Only `queued` is not yet decided."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    """A provider took it."""
    AMBIGUOUS = "ambiguous"
    """The final dot was never answered: perhaps delivered, never sent again by itself unless the stream says so."""
    FAILED = "failed"
    """Refused for good; kept as a dead letter, with its body."""
    EXPIRED = "expired"
    """Its deadline passed before a provider took it."""
    SUPPRESSED = "suppressed"
    """The address refused mail for good before, or complained; it was not tried."""
    DROPPED = "dropped"
    """An operator dropped it."""
    LOGGED = "logged"
    """The stream was in test mode: its headers were logged, and nothing was sent."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will be done by itself."""
        return self is not Fate.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message at the moment it is handed over, by SMTP or by HTTP."""

    stream: str
    sender: str
    """The envelope's; empty for the null reverse-path (RFC 5321 section 4.5.5)."""
    recipients: tuple[str, ...]
    content: bytes
    """RFC 5322, lines ended by CRLF, not dot-stuffed."""
    by: str
    """The token's name, or `anonymous` on loopback."""
    client: str = ""
    """The client's address, for the trace; empty over HTTP."""
    protocol: str = "ESMTP"
    """As in Received (RFC 3848): ESMTP, ESMTPS, ESMTPA, ESMTPSA, HTTP."""
    hello: str = ""
    """What the client called itself."""
    utf8: bool = False
    """Whether addresses or headers need SMTPUTF8 (RFC 6531)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One recipient's copy of a mail."""

    address: str
    fate: Fate = Fate.QUEUED
    attempts: int = 0
    provider: str | None = None
    """Who was tried last, or took it."""
    failure: Failure | None = None
    """Of the last attempt."""
    settled_at: datetime | None = None

    @property
    def domain(self) -> str:
        """The part behind the last @, in lower case."""
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One accepted message as the queue keeps it, without its content."""

    id: str
    """`msg_` and letters that sort by time."""
    stream: str
    sender: str
    recipients: tuple[Recipient, ...]
    size: int
    """Of the content, in bytes."""
    accepted_at: datetime
    deadline_at: datetime | None = None
    """After this it is worth nothing and is not sent; None: only the queue's own limit holds."""
    priority: int = 0
    """Smaller goes first."""
    by: str
    message_id: str = ""
    """The Message-ID header, with its angle brackets."""
    utf8: bool = False
    eight_bit: bool = False
    """Whether the content has bytes above 127."""
    attempts: int = 0
    """Rounds over the providers so far, none of which settled everybody."""
    due_at: datetime | None = None
    """When it is tried again; None: at once."""
    waiting_for: str = ""
    """The provider whose recovery makes it due at once; `any` when none was left; empty: only time does."""
    because: str = ""
    """Why it still waits, one sentence."""
    handovers: int = 0
    """How often another relay took it over from one that ended without a word: it may have been sent by then."""

    @property
    def pending(self) -> tuple[Recipient, ...]:
        """Whom it still has to reach."""
        return tuple(each for each in self.recipients if not each.fate.settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What one round came to, for one mail: the recipients that changed, and when to go on if anybody is left."""

    mail: str
    """Its id."""
    recipients: tuple[Recipient, ...] = ()
    """Those that changed, whole; matched by address."""
    due_at: datetime | None = None
    """When the rest is tried again; None: at once. Of no meaning when nobody is left."""
    waiting_for: str = ""
    because: str = ""
    counted: bool = True
    """Whether this was a round that counts in `attempts`; giving a mail back untried does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets no mail any more, whichever provider would carry it."""

    address: str
    """In lower case."""
    reason: str
    """`bounce`, `complaint` or `operator`."""
    provider: str = ""
    """Where it was learnt."""
    stream: str = ""
    """The stream it was learnt on; it holds for every stream that asks."""
    text: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How much one stream's queue holds."""

    stream: str
    queued: int = 0
    """Mails with a recipient that is not settled."""
    bytes: int = 0
    oldest_at: datetime | None = None
    """When the oldest of them was accepted."""
    ambiguous: int = 0
    """Mails with a recipient of that fate, as far as they are kept."""
    failed: int = 0
    paused: bool = False
    """Whether an operator paused it: accepted, not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A mail that one relay may send now, with its content."""

    mail: Mail
    content: bytes = field(repr=False)
