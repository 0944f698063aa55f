"""What a way of telling people is: a function that delivers one event or says why it could not. None is here."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from mailover.core.events import Event


class DeliveryError(Exception):
    """The event was not delivered. Its text is fit to be logged and stored: no secret, no address with one in it."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after: timedelta | None = None) -> None:
        """`permanent`: trying again cannot help. `retry_after`: how long the other side wants to be left alone."""
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


Transport = Callable[[Event], None]
"""Delivers one event within seconds and returns, or raises DeliveryError."""


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    GIVEN_UP = "given_up"


Count = Callable[[str, Outcome], None]
"""Counts an attempt of a channel. Returns at once, in any thread, and never raises."""


def uncounted(_channel: str, _outcome: Outcome) -> None:
    """Nobody counts."""
