"""Hours of the day on days of the week, in a time zone, and when they begin next. Knows no clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)
_DAYS_AHEAD = 9
"""Enough for one weekday, also when its hour was left out by daylight saving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of the day. `end` before `start` runs over midnight."""

    start: time
    end: time
    zone: tzinfo
    days: frozenset[int] = frozenset(range(7))
    """Weekdays on which the hours start, Monday is 0."""

    def covers(self, now: datetime) -> bool:
        """Whether `now` lies within the hours, in their own time zone."""
        local = now.astimezone(self.zone)
        clock, day = local.time(), local.weekday()
        if self.start <= self.end:
            return day in self.days and self.start <= clock < self.end
        if clock >= self.start:
            return day in self.days
        return clock < self.end and (day - 1) % 7 in self.days

    def opens_at(self, now: datetime) -> datetime | None:
        """When the hours begin next after `now`; None when they never do."""
        today = now.astimezone(self.zone).date()
        for ahead in range(_DAYS_AHEAD):
            day = today + ahead * _DAY
            if day.weekday() not in self.days:
                continue
            for fold in (0, 1):  # a clock that is put back shows an hour twice
                begins = datetime.combine(day, self.start.replace(fold=fold), tzinfo=self.zone).astimezone(UTC)
                if begins > now and self.covers(begins):
                    return begins
        return None


def quota_day(now: datetime, resets: time) -> date:
    """The day that a quota counts `now` into, when it begins anew at `resets` (UTC)."""
    utc = now.astimezone(UTC)
    return utc.date() if utc.time() >= resets else utc.date() - _DAY


def quota_resets_at(now: datetime, resets: time) -> datetime:
    """When such a quota begins anew next."""
    return datetime.combine(quota_day(now, resets) + _DAY, resets, tzinfo=UTC)
