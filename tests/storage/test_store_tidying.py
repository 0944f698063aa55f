"""Hours are rolled up and old rows forgotten, in steps that may be repeated, and the figures stay what they were."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from samples import NOON, at, event, first_fleet, incident, next_fleet, probed, reported, settle

from mailover.core.events import Event
from mailover.core.fleet import Incident
from mailover.core.observations import Observation
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.core.scoring import Sample
from mailover.secrets import Secret
from mailover.service import Service
from mailover.storage.hooks import Subscription, Terms
from mailover.storage.sql import SqlStore
from mailover.storage.store import Retention, Store, Tally

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEEP = Retention()


def write(
    store: Store,
    *events: Event,
    seen: list[Observation] | None = None,
    incidents: tuple[Incident, ...] = (),
    to: str = "",
) -> None:
    previous = store.load()
    fleet = first_fleet() if previous is None else next_fleet(previous)
    routing = [to] if to else []
    store.commit(
        fleet, previous, events=events, observations=seen or [], incidents=incidents, endpoints=lambda _event: routing
    )


def tidied(store: Store, now: datetime, keep: Retention = KEEP) -> int:
    """Tidy until nothing is left to do; in how many steps."""
    steps = 1
    while store.tidy(now, keep):
        steps += 1
        assert steps < 1000
    return steps


def some_hours(hours: int) -> list[Observation]:
    """Port probes every 10 minutes, each tenth failing, and a report an hour."""
    probes = [probed("ses", n * 600, took=0.1 + n / 1000, failed=n % 10 == 0) for n in range(hours * 6)]
    reports = [reported("ses", n * 3600 + 5, count=20, failed=n == 1) for n in range(hours)]
    return sorted(probes + reports, key=lambda heard: heard.finished_at)


def flat(tally: Tally) -> tuple[object, ...]:
    return (tally.sends, tally.checks, dict(tally.spread.steps), round(tally.spread.seconds, 4))


def test_the_figures_are_the_same_before_and_after_rolling_up(store: Store) -> None:
    write(store, seen=some_hours(12))
    spans = [NOON, at(1), at(3600), at(3601), at(5 * 3600 - 0.5), at(20 * 3600)]
    before = [{name: flat(tally) for name, tally in store.tallies(since).items()} for since in spans]
    assert tidied(store, at(12 * 3600)) > 5
    assert [{name: flat(tally) for name, tally in store.tallies(since).items()} for since in spans] == before


def test_an_hour_counts_though_its_observations_are_forgotten(store: Store) -> None:
    write(store, seen=some_hours(3))
    counted = flat(store.tallies(NOON)["ses"])
    tidied(store, NOON + 8 * DAY)
    assert store.observations().items == ()
    assert flat(store.tallies(NOON)["ses"]) == counted
    assert counted[:2] == (Sample(tries=60, ok=40), Sample(tries=18, ok=16))


def test_tidying_twice_changes_nothing(store: SqlStore) -> None:
    write(store, seen=some_hours(6))
    tidied(store, at(6 * 3600))
    counted = flat(store.tallies(NOON)["ses"])
    assert tidied(store, at(6 * 3600)) == 1
    with store._database.writing() as connection:  # as if the machine had forgotten how far it was
        connection.execute(sa.text("DELETE FROM notes"))
    tidied(store, at(6 * 3600))
    assert flat(store.tallies(NOON)["ses"]) == counted


def test_an_hour_is_rolled_up_only_when_no_late_report_can_fall_into_it(store: Store) -> None:
    write(store, seen=[probed("ses", 10)])
    assert not store.tidy(NOON + 2 * HOUR, KEEP)
    write(store, seen=[reported("ses", 20)])
    tidied(store, NOON + 3 * HOUR)
    assert store.tallies(NOON)["ses"].sends == Sample(tries=1, ok=1)


def test_months_without_an_agent_are_skipped(store: Store) -> None:
    write(store, seen=[probed("ses", 10), probed("ses", 90 * 86400)])
    assert tidied(store, NOON + 91 * DAY) <= 4


def test_old_rows_are_forgotten_but_not_what_is_still_under_way(store: Store) -> None:
    write(store, event(1), seen=[probed("ses", 1), probed("ses", 6 * 86400)], incidents=(incident(1, closed=True),))
    write(store, event(2), to="slack", incidents=(incident(2),))
    write(store, event(3), to="hook")
    (done,) = store.outbox_due("hook", now=at(10), limit=1, lease=HOUR)
    settle(store, done)
    tidied(store, NOON + 8 * DAY)
    assert store.observations().items == (probed("ses", 6 * 86400),)
    assert store.events().items == (event(1), event(2), event(3))
    tidied(store, NOON + 401 * DAY)
    assert store.events().items == (event(2),)
    assert store.incidents().items == (incident(2),)
    assert store.tallies(NOON)["ses"].checks.tries == 1  # the sixth day is within 400


def test_what_was_written_for_a_subscription_that_had_just_ended_is_forgotten(store: SqlStore) -> None:
    wanted = Subscription(
        id="sub_1", key="k", terms=Terms(url="https://a.example/"), secret=Secret("s"), created_at=NOON
    )
    store.hooks.subscribe(wanted, keep_old_until=None)
    for number, name in enumerate(("webhook/sub_1", "webhook/sub_2", "webhook/subs", "slack")):
        write(store, event(number), to=name)
    tidied(store, NOON + DAY)
    assert [each.endpoint for each in store.backlogs()] == ["slack", "webhook/sub_1", "webhook/subs"]


def test_many_reports_are_forgotten_sooner_than_their_time(store: Store) -> None:
    write(store, seen=some_hours(30))
    tidied(store, at(30 * 3600), replace(KEEP, most_observations=50))
    left = store.observations(limit=1000).items
    assert 50 <= len(left) <= 65
    assert store.tallies(NOON)["ses"].checks == Sample(tries=180, ok=162)


def test_one_step_forgets_a_batch_at_most(store: Store) -> None:
    write(store, seen=[probed("ses", n / 10) for n in range(4500)])
    assert store.tidy(NOON + 8 * DAY, KEEP)
    assert store.tidy(NOON + 8 * DAY, KEEP)
    assert store.tallies(NOON)["ses"].checks.tries == 4500
    assert tidied(store, NOON + 8 * DAY) == 2
    assert store.observations().items == ()


def test_an_observation_from_a_far_future_is_forgotten_and_stops_nothing(store: Store) -> None:
    far = 10 * 365 * 86400
    write(store, seen=[probed("ses", far)])
    tidied(store, at(far) + 3 * HOUR)
    write(store, seen=some_hours(6))
    tidied(store, at(6 * 3600))
    assert probed("ses", far) not in store.observations(limit=1000).items
    tidied(store, NOON + 8 * DAY)
    assert store.observations().items == ()
    assert store.tallies(NOON)["ses"].checks.tries >= 30


@pytest.mark.parametrize("ahead", [timedelta(0), 20 * HOUR])
def test_a_clock_that_was_wrong_for_hours_loses_no_hour(store: Store, ahead: timedelta) -> None:
    write(store, seen=some_hours(6))
    tidied(store, at(6 * 3600) + ahead)
    counted = flat(store.tallies(NOON)["ses"])
    tidied(store, at(6 * 3600))
    assert flat(store.tallies(NOON)["ses"]) == counted


class HandClock:
    """Time moves when the test says so."""

    at = NOON + 8 * DAY

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at


def a_service(store: Store) -> Service:
    names = ("postmark", "sendgrid", "ses")
    policy = Policy(
        providers={name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in names},
        streams={"transactional": Stream(name="transactional", providers=names)},
    )
    return Service(store=store, policy=policy, default_stream="transactional", clock=HandClock(), identity="abc")


def test_the_service_tidies_until_nothing_is_left_or_it_is_told_to_stop(store: Store) -> None:
    write(store, seen=some_hours(24))
    service = a_service(store)
    service.tidy(lambda: False)
    assert len(store.observations(limit=1000).items) == 168
    service.tidy()
    assert store.observations().items == ()
    assert store.tallies(NOON)["ses"].checks.tries == 144


def test_a_store_that_fails_while_it_is_tidied_stops_nobody(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    service = a_service(store)
    with store._database.writing() as connection:
        connection.execute(sa.text("ALTER TABLE hours RENAME TO days"))
    service.tidy()
    assert "the logs were not tidied" in caplog.text
