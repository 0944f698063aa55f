"""Whether the relay still shows a sign of life. A loop that hangs cannot say so itself: others look at its beats."""

import time
from collections.abc import Callable
from datetime import timedelta

_SILENT_FOR = 30.0
"""Seconds; it beats each second, and one beat may wait for the store."""
_MOST_AT_A_LOOK = 5.0
"""Seconds of silence that one look can tell of: who was suspended with the whole process was not there to hear."""


class Pulse:
    """Beaten in the relay's loop, looked at every few seconds in the thread that decides."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self._monotonic = monotonic
        self._beats = 0
        self._heard = 0
        self._looked_at = monotonic()
        self._silence = 0.0
        self._told = False

    def beat(self) -> None:
        """It lives."""
        self._beats += 1

    def look(self) -> tuple[bool, timedelta] | None:
        """News, each once: False and for how long it has been silent; True when it is back, and after how long."""
        now = self._monotonic()
        since, self._looked_at = now - self._looked_at, now
        silence = self._silence + min(since, _MOST_AT_A_LOOK)
        if self._beats != self._heard:
            self._heard, self._silence = self._beats, 0.0
            was, self._told = self._told, False
            return (True, timedelta(seconds=silence)) if was else None
        self._silence = silence
        if self._told or silence < _SILENT_FOR:
            return None
        self._told = True
        return False, timedelta(seconds=silence)
