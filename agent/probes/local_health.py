"""How well this machine lets us work: how long a wake-up that should come every tenth of a second is kept waiting.

A starved process hears its peers late and must not blame them, so its looks get more time (the local health of
Lifeguard, arXiv 1707.00788). Not without end: where everything is slow, a provider that hangs has to be noticed too.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import exp

MOST = 3.0
"""Times the usual, and no more."""
_EVERY = 0.1
_MEMORY = 2.0
"""Seconds after which what was measured counts for a third."""
_UNWORTHY = 0.2
"""Up to this part of the time every machine is busy with something else."""


class LocalHealth:
    """Measures while somebody looks, and costs nothing else. Belongs to the event loop's thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` in seconds."""
        self._monotonic = monotonic
        self._watchers = 0
        self._slept_at = 0.0
        self._waited = 0.0
        self._share = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def stretch(self) -> float:
        """How many times the usual a look may take now: 1 to 3."""
        return 1.0 if self._share < _UNWORTHY else min(MOST, round(1.0 / (1.0 - self._share), 1))

    @property
    def held_up(self) -> float:
        """Seconds for which this process wanted to run and could not, as far as somebody was watching."""
        return self._waited + (self._late() if self._watchers else 0.0)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure meanwhile."""
        if not self._watchers:
            self._sleep()
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._measure()
                if self._timer is not None:
                    self._timer.cancel()

    def _sleep(self) -> None:
        self._slept_at = self._monotonic()
        self._timer = asyncio.get_running_loop().call_later(_EVERY, self._wake)

    def _wake(self) -> None:
        self._measure()
        self._sleep()

    def _late(self) -> float:
        return max(0.0, self._monotonic() - self._slept_at - _EVERY)

    def _measure(self) -> None:
        span, late = self._monotonic() - self._slept_at, self._late()
        self._waited += late
        if span > 0:
            self._share += (1.0 - exp(-span / _MEMORY)) * (late / span - self._share)
