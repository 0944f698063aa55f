"""When a mail that could not be delivered is tried again: pure, the dice are passed in."""

from datetime import datetime, timedelta

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_FIRST = _SECOND
_LONGEST = 5 * _MINUTE
_FIRST_OF_RECIPIENT = _MINUTE
_LONGEST_OF_RECIPIENT = 30 * _MINUTE
_JITTER = 0.25
_MOST_DOUBLINGS = 16

QUEUE_LIMIT = timedelta(days=5)
"""How long mail without a deadline of its own is tried (RFC 5321 section 4.5.4.1)."""


def after_failing_providers(attempts: int, dice: float) -> timedelta:
    """The pause when every provider failed: 1 s doubling to 5 min. A recovery that is seen cuts it short."""
    return _spread(_doubled(_FIRST, attempts, _LONGEST), dice)


def after_putting_off(attempts: int, dice: float) -> timedelta:
    """The pause when a recipient's side said "later": 1 min doubling to 30 min, as greylisting wants it."""
    return _spread(_doubled(_FIRST_OF_RECIPIENT, attempts, _LONGEST_OF_RECIPIENT), dice)


def expires_at(accepted_at: datetime, deadline_at: datetime | None) -> datetime:
    """When a mail is worth nothing any more."""
    return accepted_at + QUEUE_LIMIT if deadline_at is None else deadline_at


def _doubled(first: timedelta, attempts: int, longest: timedelta) -> timedelta:
    return min(longest, first * float(2 ** min(attempts, _MOST_DOUBLINGS)))


def _spread(span: timedelta, dice: float) -> timedelta:
    """Up to a quarter earlier or later; `dice` is from 0 to 1."""
    return span * (1 + _JITTER * (2 * dice - 1))
