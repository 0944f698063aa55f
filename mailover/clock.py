"""The steady clock: what every shell asks for `now`, and the only place that reads the machine's clocks."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where instants come from. Both answers are aware and in UTC."""

    def now(self) -> datetime:
        """The steady instant: it only grows, and a stepped wall clock does not move it. Timers live by it."""

    def wall(self) -> datetime:
        """What the wall clock says at this moment, for comparing with the world (certificates, mail headers)."""


class SystemClock:
    """Wall time at start plus elapsed boot time, so that a suspended machine finds its time gone by."""

    def __init__(self, not_before: datetime | None = None) -> None:
        """The wall clock is read once, now; `not_before`, the last stored instant, saves from one that was set back."""
        self._started_at = max(self.wall(), not_before or datetime.min.replace(tzinfo=UTC))
        self._booted = _boot_time()

    def now(self) -> datetime:
        """The steady instant."""
        return self._started_at + timedelta(seconds=_boot_time() - self._booted)

    def wall(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)


def _boot_time() -> float:
    """Seconds since boot, suspension included; where the system has no such clock, without it."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)
