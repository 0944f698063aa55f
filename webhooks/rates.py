"""How often somebody may do something: a bucket per name that fills again with time."""

import threading
import time
from collections.abc import Callable

_MOST = 10_000
"""Names that are told apart; more than that share what is left."""


class Rates:
    """One bucket per name."""

    def __init__(
        self, per_second: float, burst: float, elapsed: Callable[[], float] = time.monotonic, most: int = _MOST
    ) -> None:
        """A full bucket holds `burst` calls, `per_second` 0 limits nothing; `elapsed` are growing seconds."""
        self._per_second = per_second
        self._burst = burst
        self._elapsed = elapsed
        self._most = most
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Count one call: 0 when it may go on, else the seconds until one may."""
        if not self._per_second:
            return 0.0
        now = self._elapsed()
        with self._lock:
            if name not in self._buckets and len(self._buckets) >= self._most:
                self._forget_the_full(now)
                name = name if len(self._buckets) < self._most else ""
            left = self._left(self._buckets.get(name, (self._burst, now)), now)
            if left < 1:
                return (1 - left) / self._per_second
            self._buckets[name] = (left - 1, now)
            return 0.0

    def _left(self, bucket: tuple[float, float], now: float) -> float:
        left, at = bucket
        return min(self._burst, left + (now - at) * self._per_second)

    def _forget_the_full(self, now: float) -> None:
        """A bucket that is full again tells nothing that a new one would not."""
        self._buckets = {name: each for name, each in self._buckets.items() if self._left(each, now) < self._burst}
