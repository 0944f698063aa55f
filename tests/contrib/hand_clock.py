"""A clock that a test moves by hand."""

from datetime import UTC, datetime

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class HandClock:
    """Time moves when the test says so."""

    at = NOON

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at
