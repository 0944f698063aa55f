"""Which providers one message goes to, in which order, or why it has to wait: pure, from the flag and the policy alone.

The flag answers for a stream, this for a message: by its recipient, its key and what each provider may still take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailover.core.fleet import Fleet
from mailover.core.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What routing looks at of one message for one recipient."""

    stream: str
    recipient: str = ""
    """The address, empty when it is not known."""
    key: str = ""
    """What sticks to one provider when several share (the same key, the same provider); empty: the recipient."""
    region: str = ""
    """A region tag that the caller knows of, such as `eu`."""
    routine: bool = True
    """Whether it may be used to keep backups warm: not an operator's test, not a retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a provider was given lately, for shifting before a limit is hit."""

    today: int = 0
    """Recipients since its quota began anew."""
    closed_to_us: bool = False
    """It asked us to slow down, and the time has not passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a message goes."""

    providers: tuple[str, ...]
    """To be tried in this order; empty: it has to wait."""
    test: bool = False
    """The stream is in test mode: log the headers, send nothing."""
    because: str
    """One sentence that an operator understands at night."""
    waiting_for: str = ""
    """When it has to wait: the provider whose recovery ends that, `any`, or empty when only time does."""
    wake_at: datetime | None = None
    """When it has to wait and time alone may end that (a sending window, a quota), then."""
    sticky: bool = False
    """Chosen by share, not by order."""


def route(
    fleet: Fleet, policy: Policy, letter: Letter, now: datetime, spent: Mapping[str, Spent] | None = None
) -> Route:
    """The route of one message. Raises NotFoundError for a stream that does not exist."""
    raise NotImplementedError
