"""Keeps the certificates that were fetched, whose names change with their content, and fetches few at a time."""

import threading

from mailover.fetching import NotFetchedError
from webhooks.feedback.told import Fetch

_MOST_KEPT = 16
_AT_ONCE = 2
"""Fetches under way; whoever makes up names of certificates must not hold every thread of the API."""


class Remembering:
    """A `Fetch` that asks once for each file. Thread-safe."""

    def __init__(self, fetch: Fetch) -> None:
        """Nothing is kept yet."""
        self._fetch = fetch
        self._kept: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    def __call__(self, host: str, path: str) -> bytes:
        """Raises NotFetchedError."""
        known = self._kept.get((host, path))
        if known is not None:
            return known
        if not self._free.acquire(blocking=False):
            raise NotFetchedError(f"{host}: others are being asked for")
        try:
            found = self._fetch(host, path)
        finally:
            self._free.release()
        with self._lock:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[host, path] = found
        return found
