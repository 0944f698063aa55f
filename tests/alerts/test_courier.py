"""One endpoint's courier: in order, at least once, as patient as promised."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from fake_clock import FakeClock
from happenings import Happen, happening

from mailover.alerts.courier import GIVE_UP_AFTER, Courier
from mailover.alerts.transport import DeliveryError
from mailover.core.events import Event
from mailover.errors import StorageError
from mailover.storage.sql import SqlStore


class Ear:
    """Hears events, after as many failures as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.heard: list[str] = []
        self.tries = 0

    def __call__(self, event: Event) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(event.id)


def steady(store: SqlStore, clock: FakeClock, ear: Ear, pace: float = 0) -> Courier:
    return Courier("slack", ear, store, clock, pace=timedelta(seconds=pace), dice=lambda: 0.5)


def run(courier: Courier, clock: FakeClock, seconds: float) -> None:
    """Let time go by, waiting exactly as long as the courier says."""
    end = clock.now() + timedelta(seconds=seconds)
    while clock.now() < end:
        clock.advance(max(courier.step().total_seconds(), 0.001))


def test_events_arrive_in_their_order(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    ear = Ear(DeliveryError("500"))
    happen(happening(1), happening(2))
    happen(happening(3))
    run(steady(store, clock, ear), clock, 10)
    assert ear.heard == [happening(n).id for n in (1, 2, 3)]


def test_failures_are_retried_on_the_promised_schedule(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    ear = Ear(*[DeliveryError("500")] * 8)
    happen(happening(1))
    tried: list[float] = []
    start, courier = clock.now(), steady(store, clock, ear)
    while not ear.heard:
        before = ear.tries
        wait = courier.step()
        if ear.tries > before:
            tried.append((clock.now() - start).total_seconds())
        clock.advance(max(wait.total_seconds(), 0.001))
    gaps = [round(b - a) for a, b in pairwise(tried)]
    assert gaps == [1, 2, 5, 10, 30, 60, 300, 300]


def test_retries_are_jittered_by_a_tenth(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    happen(happening(1), to=("slack", "hook"))
    for endpoint, dice, second in (("slack", 0.0, 0.9), ("hook", 1.0, 1.1)):
        Courier(endpoint, Ear(DeliveryError("500")), store, clock, dice=lambda d=dice: d).step()
        assert store.outbox_next_due(endpoint) == clock.now() + timedelta(seconds=second)


@pytest.mark.parametrize(("asked", "waited"), [(0, 1), (40, 40), (86400, 900)])
def test_a_request_to_be_left_alone_is_honoured_within_reason(
    store: SqlStore, clock: FakeClock, happen: Happen, asked: int, waited: int
) -> None:
    happen(happening(1))
    ear = Ear(DeliveryError("429", retry_after=timedelta(seconds=asked)))
    steady(store, clock, ear).step()
    due = store.outbox_next_due("slack")
    assert due is not None
    assert waited <= (due - clock.now()).total_seconds() <= waited * 1.1


def test_when_it_was_tried_last_is_on_record(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    """As for hook commands, whose runs are asked for."""
    happen(happening(1))
    courier, told = steady(store, clock, Ear(DeliveryError("exit status 3"))), []
    for _ in range(2):
        courier.step()
        (line,) = store.hooks.sendings("slack").items
        told.append((line.state, line.attempts, line.tried_at))
        clock.advance(5)
    assert told == [
        ("pending", 1, clock.now() - timedelta(seconds=10)),
        ("delivered", 1, clock.now() - timedelta(seconds=5)),
    ]


def test_what_cannot_help_is_not_tried_again(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(DeliveryError("404: no_service", permanent=True))
    happen(happening(1), happening(2))
    run(steady(store, clock, ear), clock, 10)
    assert ear.heard == [happening(2).id]
    assert "404: no_service" in caplog.text


def test_an_endpoint_dead_for_a_day_is_given_up(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(*[DeliveryError("500")] * 10_000)
    happen(happening(1))
    courier, start, last_tried = steady(store, clock, ear), clock.now(), clock.now()
    while (due := store.outbox_next_due("slack")) is not None:
        clock.advance(max((due - clock.now()).total_seconds(), 0))
        last_tried = clock.now()
        courier.step()
    assert GIVE_UP_AFTER <= last_tried - start <= GIVE_UP_AFTER + timedelta(minutes=6)
    assert ear.tries > 280
    assert "given up after" in caplog.text


def test_an_event_that_waited_out_a_long_absence_is_still_tried(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    happen(happening(1))
    clock.advance(7 * 86400)
    ear = Ear(DeliveryError("500"))
    run(steady(store, clock, ear), clock, 10)
    assert ear.heard == [happening(1).id]


def test_a_defect_in_a_transport_is_a_failure_like_any_other_and_tells_no_secret(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(RuntimeError("https://hooks.example/SECRET"))
    happen(happening(1))
    run(steady(store, clock, ear), clock, 10)
    assert ear.heard == [happening(1).id]
    assert "RuntimeError" in caplog.text
    assert "SECRET" not in caplog.text


def test_two_deliveries_keep_their_distance(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    ear = Ear()
    happen(*(happening(n) for n in range(1, 5)))
    courier = steady(store, clock, ear, pace=1)
    assert courier.step() == timedelta(seconds=1)
    clock.advance(0.4)
    assert courier.step() == timedelta(seconds=0.6)
    assert len(ear.heard) == 1
    run(courier, clock, 3)
    assert len(ear.heard) == 4


def test_a_crash_between_sending_and_settling_repeats_the_event(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    happen(happening(1))
    store.outbox_due("slack", now=clock.now(), limit=1, lease=timedelta(seconds=60))
    ear = Ear()
    run(steady(store, clock, ear), clock, 59)
    assert ear.heard == []
    run(steady(store, clock, ear), clock, 10)
    assert ear.heard == [happening(1).id]


class ForgetfulStore:
    """A store whose disk is full for a while: it takes no settlement."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.full = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @property
    def hooks(self) -> object:
        if self.full:
            raise StorageError("database or disk is full")
        return self._store.hooks


def test_a_store_that_fails_for_a_while_doubles_nothing(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    failing, ear = ForgetfulStore(store), Ear()
    courier = Courier("slack", ear, failing, clock)  # type: ignore[arg-type] - it stands in for the store
    happen(happening(1), happening(2))
    failing.full = True
    run(courier, clock, 300)
    assert ear.heard == [happening(1).id]
    assert caplog.text.count("the outbox cannot be reached") == 1
    failing.full = False
    run(courier, clock, 20)
    assert ear.heard == [happening(1).id, happening(2).id]


class Defective:
    """A store with a defect of its own, for a while."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.defective = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def outbox_due(self, endpoint: str | None, **how: Any) -> object:
        if self.defective:
            raise KeyError("SECRET")
        return self._store.outbox_due(endpoint, **how)


def test_a_defect_anywhere_ends_no_endpoint(
    happen: Happen, store: SqlStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    ear, odd = Ear(), Defective(store)
    happen(happening(1))
    courier = Courier("slack", ear, odd, clock)  # type: ignore[arg-type] - it stands in for the store
    run(courier, clock, 20)
    assert "slack: a defect in mailover: KeyError" in caplog.text
    assert "SECRET" not in caplog.text
    odd.defective = False
    run(courier, clock, 20)
    assert ear.heard == [happening(1).id]


def test_every_attempt_is_counted_by_what_became_of_it(happen: Happen, store: SqlStore, clock: FakeClock) -> None:
    counted: list[tuple[str, str]] = []
    errors = iter([DeliveryError("busy"), None, DeliveryError("gone", permanent=True)])

    def transport(_event: Event) -> None:
        if (error := next(errors)) is not None:
            raise error

    courier = Courier("slack", transport, store, clock, count=lambda *told: counted.append(told))
    happen(happening(1), happening(2))
    for _ in range(3):
        courier.step()
        clock.advance(5)
    assert counted == [("slack", "failed"), ("slack", "delivered"), ("slack", "given_up")]
