"""A lookup that asks nothing twice: questions in the air are shared, answers are kept for their time to live.

How a question is asked is the inner lookup's business.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from dns_checks.answers import Answer, Kind, Lookup, R, Unknown

_UNKNOWN_FOR = 5.0
_MOST_KEPT = 20_000


@dataclass(slots=True, kw_only=True)
class _Kept:
    answer: Answer[Any] | None = None
    """None while the question is in the air."""
    fresh_until: float = math.inf
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Remembered:
    """A `Lookup` with a memory, for one run of checks or for many.

    Within a run of checks (`at_least` longer than the run) each name and type is asked at most once, so that a mute
    server costs its deadline once, and every check sees the same DNS.
    """

    def __init__(self, lookup: Lookup, *, at_least: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        """Answers live for their own time to live (5 s to 1 h), and `at_least` so many seconds."""
        self._lookup = lookup
        self._at_least = at_least
        self._now = now
        self._kept: dict[tuple[str, str], _Kept] = {}
        self.questions = 0
        """How many were really asked."""

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        """See `Lookup.ask`."""
        key = (name.removesuffix(".").lower(), kind.name)
        while True:
            kept = self._kept.get(key)
            if kept is None or kept.fresh_until <= self._now():
                return await self._first(key, name, kind)
            if kept.answer is not None:
                return cast("Answer[R]", kept.answer)
            await kept.settled.wait()  # without an answer if its asker gave up: one of those who wait asks anew

    async def _first(self, key: tuple[str, str], name: str, kind: Kind[R]) -> Answer[R]:
        """Really ask, while all others who want the same wait."""
        self._kept.pop(key, None)  # so that the order of the keys is that of the asking
        while len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        kept = self._kept[key] = _Kept()
        self.questions += 1
        try:
            answer = await self._lookup.ask(name, kind)
            lives = _UNKNOWN_FOR if isinstance(answer, Unknown) else answer.ttl
            kept.answer, kept.fresh_until = answer, self._now() + max(lives, self._at_least)
            return answer
        finally:
            if kept.answer is None and self._kept.get(key) is kept:
                del self._kept[key]
            kept.settled.set()
