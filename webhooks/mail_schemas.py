"""The shapes of what callers are told about mail. Never a byte of a body, but in the export that asks for it."""

from pydantic import Field

from mailover.core.mail import Fate
from webhooks.provider_schemas import FailureBody
from webhooks.schemas import Instant, Told


class Entrusted(Told):
    """A message that is kept and will be carried."""

    id: str
    stream: str
    recipients: int


class CopyBody(Told):
    """One recipient's copy."""

    address: str
    state: Fate
    attempts: int
    provider: str | None = Field(description="Who was tried last, or took it.")
    failure: FailureBody | None
    settled: Instant | None


class MessageBody(Told):
    """One message, without its content."""

    id: str
    stream: str
    sender: str
    message_id: str
    size_bytes: int
    by: str
    priority: int
    accepted: Instant
    deadline: Instant | None
    attempts: int = Field(description="Rounds over the providers that settled not everybody.")
    next_try: Instant | None
    because: str | None = Field(description="Why it still waits.")
    handovers: int = Field(description="How often it was taken over from a relay that ended without a word.")
    recipients: list[CopyBody]


class Messages(Told):
    """Messages as they were accepted."""

    items: list[MessageBody]
    next: str | None


class OutboxBody(Told):
    """What one stream's queue holds."""

    stream: str
    queued: int
    bytes: int
    oldest: Instant | None
    oldest_age_seconds: float | None
    ambiguous: int = Field(description="Messages whose final dot was never answered, as far as they are kept.")
    failed: int = Field(description="Dead letters, as far as they are kept.")
    paused: bool


class Outbox(Told):
    """Every stream's queue."""

    items: list[OutboxBody]
    next: str | None


class SuppressionBody(Told):
    """An address that gets no mail any more."""

    address: str
    reason: str
    provider: str | None
    stream: str | None
    text: str
    since: Instant


class Suppressions(Told):
    """Suppressed addresses, by address."""

    items: list[SuppressionBody]
    next: str | None


class Unsuppressed(Told):
    """An address that may get mail again."""

    address: str
    deleted: bool


class FeedbackTaken(Told):
    """What was taken of a provider's word."""

    recipients: int = Field(description="Those that were told of for the first time.")


class Erased(Told):
    """What was forgotten of a person."""

    address: str
    messages: int
