"""A lookup that asks nothing twice: questions in the air are shared, answers are kept for their time to live.

How a question is asked is the inner lookup's business.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from dns_checks.answers import Answer, Kind, Lookup, R, Unknown

_UNKNOWN_FOR = 5.0
_MOST_KEPT = 20_000


@dataclass(slots=True, kw_only=True)
class _Kept:
    task: asyncio.Task[Answer[Any]]
    fresh_until: float | None = None
    """None while the question is in the air."""
    waiting: int = 0


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
        kept = self._kept.get(key)
        if kept is None or (kept.fresh_until is not None and kept.fresh_until <= self._now()):
            kept = self._begin(key, name, kind)
        if kept.task.done():
            return cast("Answer[R]", kept.task.result())
        return await self._wait(key, kept)

    def _begin(self, key: tuple[str, str], name: str, kind: Kind[R]) -> _Kept:
        while len(self._kept) >= _MOST_KEPT:
            self._forget_oldest()
        self.questions += 1
        kept = _Kept(task=asyncio.create_task(self._lookup.ask(name, kind)))
        self._kept.pop(key, None)
        self._kept[key] = kept
        return kept

    async def _wait(self, key: tuple[str, str], kept: _Kept) -> Answer[R]:
        """Share the answer; who gives up waiting takes it from nobody else."""
        kept.waiting += 1
        try:
            answer = await asyncio.shield(kept.task)
        finally:
            kept.waiting -= 1
            if not kept.waiting and not kept.task.done():
                kept.task.cancel()
                if self._kept.get(key) is kept:
                    del self._kept[key]
        lives = _UNKNOWN_FOR if isinstance(answer, Unknown) else answer.ttl
        if kept.fresh_until is None:
            kept.fresh_until = self._now() + max(lives, self._at_least)
        return cast("Answer[R]", answer)

    def _forget_oldest(self) -> None:
        """One that nobody waits for; the oldest question in the air when everybody waits, whose askers still hear."""
        idle = (key for key, kept in self._kept.items() if not kept.waiting)
        del self._kept[next(idle, next(iter(self._kept)))]
