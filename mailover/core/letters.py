"""One message as routing sees it, what its providers were given lately, and the route that comes of it. Values only."""

from dataclasses import dataclass
from datetime import datetime

ANY = "any"
"""Whoever recovers first."""


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
    """Recipients since its quota began anew (`hours.quota_day` names the day)."""
    most: int = 0
    """Recipients on the best of the seven quota days before, for warming up; 0 when that is not known."""
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
    """One sentence that an operator understands at night. Names no address, at most a domain."""
    waiting_for: str = ""
    """When it has to wait: the provider whose recovery ends that, `any`, or empty when only time does."""
    wake_at: datetime | None = None
    """When it has to wait and time alone may end that (a sending window, a quota), then."""
    sticky: bool = False
    """Chosen by share, not by order."""
    apart: bool = False
    """Bound by a rule that other mail of its stream need not obey: what it waits for says nothing of theirs."""
    absent: tuple[str, ...] = ()
    """Who could carry it too, but is out."""
