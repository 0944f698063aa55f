"""What somebody wishes of the queue and waits for. How wishes are grouped and carried out is `writing`'s business."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mailover.core.mail import Mail, Settlement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wish:
    """What somebody waits for."""

    answer: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Put(Wish):
    mail: Mail
    content: bytes = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settle(Wish):
    settlement: Settlement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Use(Wish):
    day: date
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask(Wish):
    """Anything else: a transaction of its own."""

    act: Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lease(Ask):
    """Its result is held by us, even when nobody waits for it any more."""


def summed(uses: Iterable[Use]) -> Mapping[date, Mapping[str, int]]:
    """Together, by day and provider."""
    days: dict[date, dict[str, int]] = {}
    for use in uses:
        day = days.setdefault(use.day, {})
        for provider, count in use.counts.items():
            day[provider] = day.get(provider, 0) + count
    return days
