"""A provider in one word and its figures."""

from datetime import UTC, datetime, timedelta

from mailover.core.breaker import fresh
from mailover.core.scoring import Change, Sample, Spread, step_of
from mailover.storage.store import Tally
from webhooks.portraits import figures

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def test_a_tally_comes_to_figures() -> None:
    tally = Tally(
        provider="ses",
        sends=Sample(tries=100, ok=90),
        checks=Sample(tries=10, ok=10),
        spread=Spread(steps={step_of(0.2): 10}, seconds=2.0),
        failovers=1,
        changes=(Change(at=NOW - timedelta(hours=3), before=True, after=False),),
        watched_since=NOW - timedelta(hours=12),
    )
    achieved = figures(tally, fresh("ses", enabled=True, now=NOW), DAY, NOW)
    assert (achieved.score, achieved.failovers, achieved.uptime) == (93.0, 1, 0.75)
    assert achieved.failures_per_hour == 10 / 24


def test_a_provider_of_which_nothing_was_heard_has_no_figures() -> None:
    achieved = figures(Tally(provider="ses"), fresh("ses", enabled=True, now=NOW), DAY, NOW)
    assert (achieved.score, achieved.uptime, achieved.spread.average) == (None, None, None)
