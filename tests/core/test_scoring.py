"""The metrics of the trade, by the numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from mailover.core.scoring import Change, Figures, Sample, Spread, reliability, step_of, uptime

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sample(ok: int, tries: int) -> Sample:
    return Sample(tries=tries, ok=ok)


@pytest.mark.parametrize(
    ("sends", "checks", "percent"),
    [
        (sample(0, 0), sample(0, 0), None),
        (sample(90, 100), sample(10, 10), 93.0),
        (sample(90, 100), sample(0, 0), 90.0),
        (sample(0, 0), sample(1, 4), 25.0),
        (sample(0, 3), sample(0, 3), 0.0),
        (sample(1, 1), sample(1, 1), 100.0),
    ],
)
def test_the_score_weighs_sends_and_checks_and_leaves_out_what_has_no_sample(
    sends: Sample, checks: Sample, percent: float | None
) -> None:
    assert reliability(sends, checks) == (None if percent is None else pytest.approx(percent))


def test_failures_of_sends_and_checks_are_counted_by_the_hour() -> None:
    achieved = Figures(span=24 * HOUR, sends=sample(88, 100), checks=sample(100, 112))
    assert achieved.failures_per_hour == 1.0


@pytest.mark.parametrize("scale", [0.0003, 0.05, 1.0, 30.0])
def test_a_percentile_of_a_spread_is_right_within_a_fortieth(scale: float) -> None:
    seconds = [scale * n / 100 + scale for n in range(1, 101)]
    steps: dict[int, int] = {}
    for each in seconds:
        steps[step_of(each)] = steps.get(step_of(each), 0) + 1
    spread = Spread(steps=steps, seconds=sum(seconds))
    assert spread.percentile(0.95) == pytest.approx(seconds[94], rel=0.025)
    assert spread.percentile(0.5) == pytest.approx(seconds[49], rel=0.025)
    assert spread.average == pytest.approx(sum(seconds) / 100)


def test_nothing_has_no_percentile() -> None:
    assert Spread().percentile(0.95) is None
    assert Spread().average is None


def test_an_attempt_that_took_no_time_has_a_step() -> None:
    assert step_of(0.0) == step_of(-1.0) == step_of(1e-9)


def opened(hours_ago: float) -> Change:
    return Change(at=NOON - hours_ago * HOUR, before=True, after=False)


def closed(hours_ago: float) -> Change:
    return Change(at=NOON - hours_ago * HOUR, before=False, after=True)


def disabled(hours_ago: float) -> Change:
    return Change(at=NOON - hours_ago * HOUR, before=True, after=None)


@pytest.mark.parametrize(
    ("changes", "up_now", "share"),
    [
        ((), True, 1.0),
        ((), False, 0.0),
        ((), None, None),
        ((opened(5), closed(4)), True, 0.9),
        ((opened(1),), False, 0.9),
        ((closed(9),), True, 0.9),
        ((disabled(5), Change(at=NOON - 4 * HOUR, before=None, after=True), opened(3)), False, 6 / 9),
        ((opened(-5),), False, 1.0),
        ((closed(20),), True, 1.0),
    ],
)
def test_uptime_is_the_share_of_the_time_in_which_it_was_not_taken_out(
    changes: tuple[Change, ...], up_now: bool | None, share: float | None
) -> None:
    assert uptime(changes, up_now=up_now, since=NOON - 10 * HOUR, now=NOON) == (share and pytest.approx(share))
