"""The table about carrying mail to the providers: how long is waited where, and how much is under way.

Shape only; nothing connects here.
"""

from datetime import timedelta

from pydantic import Field

from mailover.config.fields import PositiveSpan, Table


class DeliverySettings(Table):
    """How the relay carries mail to the providers."""

    move_on_after: PositiveSpan = timedelta(milliseconds=1200)
    """How long a provider may be silent before the next one is tried; the last one is given four times as long."""
    dot_limit: PositiveSpan = timedelta(minutes=10)
    """How long the answer to a whole message is waited for; without one it is `ambiguous` and not sent again."""
    dot_limit_at_least_once: PositiveSpan = timedelta(seconds=15)
    """The same on streams with `at_least_once`, which send it again then."""
    at_once: int = Field(default=64, ge=1, le=2000)
    """Messages under way at a time, through all providers."""
    memory_bytes: int = Field(default=67_108_864, ge=1_048_576)
    """What these and those next in turn may hold."""
    stopping: PositiveSpan = timedelta(seconds=15)
    """How long an end waits for messages under way; what is unanswered then is `ambiguous`."""
