"""Hours of the day in their own time zone, and the day of a quota."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.core.hours import Hours, quota_day, quota_resets_at

BERLIN = ZoneInfo("Europe/Berlin")


def office(**changed: object) -> Hours:
    return Hours(**{"start": time(8), "end": time(18), "zone": BERLIN, "days": frozenset(range(5)), **changed})  # type: ignore[arg-type]


def test_they_begin_on_the_next_day_that_is_theirs() -> None:
    friday_evening = datetime(2026, 1, 9, 18, tzinfo=UTC)
    assert office().opens_at(friday_evening) == datetime(2026, 1, 12, 7, tzinfo=UTC)


def test_they_follow_daylight_saving() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert office(days=frozenset(range(7))).opens_at(saturday) == datetime(2026, 3, 29, 6, tzinfo=UTC)


def test_an_hour_that_is_left_out_that_night_begins_when_the_clock_has_jumped_over_it() -> None:
    night = office(start=time(2, 30), end=time(5), days=frozenset(range(7)))
    assert night.opens_at(datetime(2026, 3, 29, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_without_a_day_they_never_begin() -> None:
    assert office(days=frozenset()).opens_at(datetime(2026, 1, 9, tzinfo=UTC)) is None


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants bare bounds
    start=st.times(),
    end=st.times(),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_when_they_begin_they_cover_and_between_now_and_then_they_do_not(
    now: datetime, start: time, end: time, days: frozenset[int], zone: str
) -> None:
    if start == end:
        return
    hours = Hours(start=start, end=end, zone=ZoneInfo(zone), days=days)
    opens = hours.opens_at(now)
    assert opens is None or (opens > now and hours.covers(opens))
    if opens is not None and not hours.covers(now):
        between = [now + (opens - now) * part / 16 for part in range(16)]
        assert not any(hours.covers(moment) for moment in between)


@pytest.mark.parametrize(
    ("at", "day"), [("00:00", date(2026, 1, 4)), ("08:29", date(2026, 1, 4)), ("08:30", date(2026, 1, 5))]
)
def test_a_quotas_day_begins_when_it_begins_anew(at: str, day: date) -> None:
    now = datetime.fromisoformat(f"2026-01-05T{at}:00+00:00")
    assert quota_day(now, time(8, 30)) == day
    resets = quota_resets_at(now, time(8, 30))
    assert quota_day(resets, time(8, 30)) == day + timedelta(days=1)
    assert now < resets <= now + timedelta(days=1)
