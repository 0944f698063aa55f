"""How often a caller may report: a bucket of tokens per caller that fills again with time."""

import threading
import time
from collections.abc import Callable

_PER_SECOND = 20.0
_BURST = 200.0


class Rates:
    """One bucket per caller. Callers are named by tokens, so there are few."""

    def __init__(
        self,
        per_second: float = _PER_SECOND,
        burst: float = _BURST,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """A full bucket holds `burst` calls; `elapsed` are growing seconds."""
        self._per_second = per_second
        self._burst = burst
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> float:
        """Count one call: 0 when it may go on, else the seconds until one may."""
        now = self._elapsed()
        with self._lock:
            left, at = self._buckets.get(caller, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            if left < 1:
                return (1 - left) / self._per_second
            self._buckets[caller] = (left - 1, now)
            return 0.0
