"""The logs, on both databases."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from samples import NOON, at, event, failover, first_fleet, incident, next_fleet, probed, reported

from mailover.core.events import Event, EventType
from mailover.core.fleet import Incident
from mailover.core.observations import Failure, FailureKind, Observation, Stage
from mailover.core.scoring import Sample
from mailover.errors import NotFoundError
from mailover.storage.sql import SqlStore
from mailover.storage.store import Failover, Store


def write(
    store: Store,
    *events: Event,
    observations: tuple[Observation, ...] = (),
    incidents: tuple[Incident, ...] = (),
    endpoint: str | None = None,
) -> None:
    previous = store.load()
    fleet = first_fleet() if previous is None else next_fleet(previous)
    store.commit(
        fleet,
        previous,
        events=events,
        observations=observations,
        incidents=incidents,
        endpoints=lambda _event: [endpoint] if endpoint else [],
    )


def test_events_come_back_as_they_were_in_the_order_of_their_commits(store: Store) -> None:
    late, early = event(9, note="ünïcode 漢字 \0"), event(2, nested={"list": [1, None, 2.5]})
    write(store, late)
    write(store, early)
    assert store.events().items == (late, early)
    assert store.events(newest_first=True).items == (early, late)
    assert store.event(late.id) == late
    assert store.event("evt_unknown") is None


def test_a_list_goes_on_where_its_cursor_says(store: Store) -> None:
    write(store, *(event(n) for n in range(1, 6)))
    first = store.events(limit=2)
    second = store.events(limit=2, after=first.next)
    third = store.events(limit=2, after=second.next)
    assert [e.id for p in (first, second, third) for e in p.items] == [event(n).id for n in range(1, 6)]
    assert third.next is None
    backwards = store.events(limit=2, after=event(3).id, newest_first=True)
    assert [e.id for e in backwards.items] == [event(2).id, event(1).id]


def test_the_last_event_heard_of_is_a_cursor(store: Store) -> None:
    write(store, event(1), event(2))
    assert store.events(after=event(1).id).items == (event(2),)
    assert store.events(after=event(2).id).items == ()


@pytest.mark.parametrize("cursor", ["", "evt_gone", "\0", "\ud800", "9" * 400, "-1", "²"])
def test_a_foreign_cursor_is_not_found(store: Store, cursor: str) -> None:
    for read in (store.events, store.failovers, store.observations, store.incidents):
        with pytest.raises(NotFoundError):
            read(after=cursor)


@pytest.mark.parametrize("name", ["\0", "\ud800", "'; DROP TABLE events; --"])
def test_a_name_no_provider_can_have_finds_nothing(store: Store, name: str) -> None:
    write(store, event(1), observations=(probed("ses", 1),))
    assert store.events(provider=name).items == store.events(stream=name).items == ()
    assert store.failovers(stream=name).items == ()
    assert store.observations(provider=name).items == store.observations(kind=name).items == ()
    assert store.event(name) is None
    assert store.incident(name) is None


def test_events_are_found_by_type_provider_and_stream(store: Store) -> None:
    opened = event(1, provider="postmark")
    moved = failover(2, "postmark", "ses")
    pinned = event(3, EventType.STREAM_PINNED, stream="marketing", from_="ses", to="sendgrid")
    write(store, opened, moved, pinned)
    assert store.events(types=[EventType.FAILOVER_HAPPENED, EventType.STREAM_PINNED]).items == (moved, pinned)
    assert store.events(provider="postmark").items == (opened, moved)
    assert store.events(provider="ses", stream="marketing").items == (pinned,)


def test_the_failover_log_has_what_changed_a_streams_provider(store: Store) -> None:
    unmoved = event(2, EventType.STREAM_PINNED, stream="transactional", from_="ses", to="ses")
    held = event(3, EventType.STREAM_EXHAUSTED, stream="transactional", from_="ses")
    told_twice = event(4, EventType.STREAM_RECOVERED, stream="transactional", from_="ses", to="postmark")
    write(store, event(9), failover(1, "postmark", "ses"), unmoved, held, told_twice)
    moved, exhausted = store.failovers().items
    assert moved == Failover(
        event=event(1).id,
        at=at(1),
        stream="transactional",
        from_provider="postmark",
        to_provider="ses",
        reason="reason 1",
        status="failed over",
        seconds=6.5,
    )
    assert (exhausted.status, exhausted.from_provider, exhausted.to_provider) == ("exhausted", "ses", None)
    assert store.failovers(stream="marketing").items == ()
    assert store.failovers(limit=1).next == moved.event


def test_the_health_log_is_found_by_provider_and_kind(store: Store) -> None:
    probe, report = probed("ses", 1, failed=True), reported("postmark", 2, count=3)
    write(store, observations=(probe, report))
    assert store.observations().items == (probe, report)
    assert store.observations(provider="ses").items == (probe,)
    assert store.observations(kind="port").items == (probe,)
    assert store.observations(kind="report").items == (report,)
    first = store.observations(limit=1)
    assert store.observations(after=first.next).items == (report,)


def test_an_incident_is_one_row_from_beginning_to_end(store: Store) -> None:
    write(store, incidents=(incident(1), incident(2)))
    write(store, incidents=(incident(1, closed=True),))
    assert store.incidents().items == (incident(1, closed=True), incident(2))
    assert store.incidents(open_only=True).items == (incident(2),)
    assert store.incident(incident(2).id) == incident(2)


def test_sends_and_checks_are_counted_apart(store: Store) -> None:
    port = [probed("ses", n, took=n / 100) for n in range(1, 21)]
    write(
        store,
        observations=(
            *port,
            probed("ses", 30, failed=True),
            reported("ses", 31, count=7),
            reported("ses", 32, count=2, failed=True),
            probed("postmark", -100),
        ),
    )
    (tally,) = store.tallies(NOON).values()
    assert (tally.provider, tally.sends, tally.checks) == ("ses", Sample(tries=9, ok=7), Sample(tries=21, ok=20))
    assert tally.spread.average == pytest.approx(0.105)
    assert tally.spread.percentile(0.95) == pytest.approx(0.19, rel=0.025)
    assert tally.watched_since == at(1.01)


def test_what_was_never_probed_has_no_latency(store: Store) -> None:
    write(store, observations=(reported("ses", 1),))
    assert store.tallies(NOON)["ses"].spread.average is None


def test_a_failure_that_blames_nobody_is_no_sample(store: Store) -> None:
    refused = Failure(kind=FailureKind.RECIPIENT, stage=Stage.RCPT, code=550, replied=True)
    dark = Failure(kind=FailureKind.LOCAL, stage=Stage.CONNECT)
    write(
        store,
        observations=(
            reported("ses", 1),
            replace(reported("ses", 2), failure=refused),
            replace(probed("ses", 3), failure=dark),
        ),
    )
    tally = store.tallies(NOON)["ses"]
    assert (tally.sends, tally.checks) == (Sample(tries=1, ok=1), Sample())


def test_failovers_and_the_moves_of_a_breaker_are_told_with_the_figures(store: Store) -> None:
    write(
        store,
        event(1, provider="ses"),
        failover(2, "ses", "postmark"),
        event(3, EventType.PROVIDER_CLOSED, provider="ses"),
    )
    write(store, observations=(probed("ses", 1), probed("postmark", 1)))
    counted = store.tallies(NOON)
    assert (counted["ses"].failovers, counted["postmark"].failovers) == (1, 0)
    assert [(c.at, c.after) for c in counted["ses"].changes] == [(at(1), False), (at(3), True)]


def test_a_damaged_row_hides_no_other(store: SqlStore) -> None:
    write(store, event(1), event(2), observations=(probed("ses", 1), probed("ses", 2)))
    with store._database.writing() as connection:
        connection.execute(sa.text("UPDATE events SET body = 'half a r' WHERE seq = 1"))
        connection.execute(sa.text("UPDATE observations SET body = '{}' WHERE seq = 1"))
    assert store.events().items == (event(2),)
    assert store.observations().items == (probed("ses", 2),)
