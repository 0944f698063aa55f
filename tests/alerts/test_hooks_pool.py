"""Many receivers: each in its own order and pace, and none in another's way."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import pytest
from fake_clock import FakeClock
from happenings import Happen, happening
from hook_receiver import HookReceiver, Reply

from mailover.addresses import Reach
from mailover.alerts.hooks import AnsweredError, HookSender
from mailover.alerts.hooks_pool import LAME, HookPool
from mailover.alerts.posting import Answer
from mailover.alerts.transport import DeliveryError
from mailover.clock import SystemClock
from mailover.core.events import Event, EventType
from mailover.core.interest import Interest
from mailover.errors import StorageError
from mailover.storage.hooks import Sending, Terms
from mailover.storage.roster import Hook, Roster, new_signing_secret
from mailover.storage.sql import SqlStore

HERE = (ip_network("127.0.0.0/8"),)


class Ear:
    """Takes what it is sent, after as many failures as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.heard: list[tuple[str, str]] = []
        self.tries = 0

    def send(self, hook: Hook, event: Event) -> int:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append((hook.name, event.id))
        return 200


class AtOnce:
    """A lane in which everything is done before the call returns."""

    def submit(self, work: Callable[..., object], *arguments: object) -> "Future[object]":
        done: Future[object] = Future()
        done.set_result(work(*arguments))
        return done

    def shutdown(self, **_how: object) -> None:
        return


class ByHand:
    """A pool that a test drives step by step, under a clock that the test advances."""

    def __init__(self, roster: Roster, ear: Ear, clock: FakeClock) -> None:
        self.pool = HookPool(roster, ear, clock, dice=lambda: 0.5)
        self.pool._lanes = (AtOnce(), AtOnce())  # type: ignore[assignment]
        self._clock = clock

    def run(self, seconds: float) -> None:
        end = self._clock.now() + timedelta(seconds=seconds)
        while self._clock.now() < end:
            self.pool._step()
            self._clock.advance(max(self.pool._step().total_seconds(), 0.001))


def hook(name: str = "ticketing", url: str = "https://tool.example/", **more: Any) -> Hook:
    return Hook(name=name, url=url, secret=new_signing_secret(), **more)


def answered(status: int, **headers: str) -> AnsweredError:
    return AnsweredError(Answer(status=status, headers=headers, body=b""), 0.0)


def log(store: SqlStore, name: str = "ticketing") -> list[Sending]:
    return list(store.hooks.sendings(f"webhook/{name}").items)


@pytest.fixture
def receivers() -> Iterator[Callable[[], HookReceiver]]:
    """As many as a test asks for."""
    opened = []

    def one() -> HookReceiver:
        serving = HookReceiver().serving()
        opened.append(serving)
        return serving.__enter__()

    yield one
    for serving in opened:
        serving.__exit__(None, None, None)


# -- in order, at least once, as patient as promised ------------------------------------------------------------------


def test_events_reach_each_receiver_in_their_order(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    ear = Ear(DeliveryError("500"))
    pool = ByHand(Roster(store.hooks, clock, [hook("one"), hook("two")]), ear, clock)
    happen(*(happening(n) for n in range(1, 4)), to=("webhook/one", "webhook/two"))
    pool.run(10)
    for name in ("one", "two"):
        assert [event for to, event in ear.heard if to == name] == [happening(n).id for n in (1, 2, 3)]


def test_a_failure_is_tried_again_on_the_promised_schedule(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    happen(happening(1), to=("webhook/ticketing",))
    ear = Ear(*[answered(500)] * 9)
    pool = ByHand(Roster(store.hooks, clock, [hook()]), ear, clock)
    tried: list[float] = []
    begun = clock.now()
    while not ear.heard:
        before = ear.tries
        pool.pool._step()
        if ear.tries > before:
            tried.append((clock.now() - begun).total_seconds())
        clock.advance(max(pool.pool._step().total_seconds(), 0.001))
    gaps = [b - a for a, b in pairwise(tried)]
    assert gaps == pytest.approx([1, 2, 5, 10, 30, 60, 300, 300, 300], abs=0.1)


def test_attempts_are_counted_and_all_who_come_and_go_are_one_channel(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    roster = Roster(store.hooks, clock, [hook()])
    kept, _, _ = roster.subscribe(Terms(url="https://tool.example/hook", interest=Interest()), None)
    pool = ByHand(roster, Ear(answered(500), answered(410)), clock)
    counted: list[str] = []
    pool.pool._count = lambda channel, outcome: counted.append(f"{channel} {outcome}")
    happen(happening(1), to=("webhook/ticketing", kept.endpoint))
    pool.run(10)
    assert sorted(counted) == ["subscriptions given_up", "webhook/ticketing delivered", "webhook/ticketing failed"]


def test_a_request_to_be_left_alone_is_honoured(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    happen(happening(1), to=("webhook/ticketing",))
    pool = ByHand(Roster(store.hooks, clock, [hook()]), Ear(answered(503, **{"retry-after": "120"})), clock)
    pool.run(5)
    (line,) = log(store)
    assert (line.state, line.status, line.attempts) == ("pending", 503, 1)
    assert line.tried_at is not None
    assert line.due_at is not None
    assert 120 <= (line.due_at - line.tried_at).total_seconds() <= 132


def test_a_receiver_away_for_a_day_is_given_up_and_stays_registered(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    roster = Roster(store.hooks, clock)
    kept, _, _ = roster.subscribe(Terms(url="https://tool.example/"), None)
    happen(happening(1), to=(kept.endpoint,))
    ear = Ear(*[answered(404)] * 10_000)
    pool = ByHand(roster, ear, clock)
    pool.run(86400 + 600)
    (line,) = log(store, kept.name)
    assert line.state == "buried"
    assert line.last_error is not None
    assert line.last_error.startswith("given up after 29")
    ear.failures.clear()
    happen(happening(90_000), to=roster.routes(happening(90_000)))
    pool.run(5)
    assert ear.heard == [(kept.name, happening(90_000).id)]


def test_an_event_older_than_the_receiver_wants_is_not_sent(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    happen(happening(1), happening(100), to=("webhook/ticketing",))
    clock.advance(110)
    ear = Ear()
    ByHand(Roster(store.hooks, clock, [hook(max_age=timedelta(seconds=60))]), ear, clock).run(5)
    assert [event for _, event in ear.heard] == [happening(100).id]
    assert [line.last_error for line in log(store)] == [None, "older than 0:01:00"]


def test_a_move_that_waits_behind_a_newer_one_is_skipped_only_where_that_is_wanted(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    moves = [happening(n, stream="mail") for n in (1, 2, 3)]
    other = happening(4, stream="news")
    happen(*moves, other, to=("webhook/all", "webhook/latest"))
    ear = Ear()
    ByHand(Roster(store.hooks, clock, [hook("all"), hook("latest", latest_only=True)]), ear, clock).run(5)
    assert [event for to, event in ear.heard if to == "all"] == [e.id for e in (*moves, other)]
    assert [event for to, event in ear.heard if to == "latest"] == [moves[2].id, other.id]
    assert log(store, "latest")[-1].last_error == f"superseded by {moves[2].id}"


def test_gone_switches_a_receiver_off_until_somebody_switches_it_on(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    roster = Roster(store.hooks, clock, [hook()])
    ear = Ear(answered(410))
    pool = ByHand(roster, ear, clock)
    happen(happening(1), happening(2), to=("webhook/ticketing",))
    pool.run(3600)
    assert ear.tries == 1
    assert "webhook/ticketing: switched off, since it answered 410 Gone" in caplog.text
    assert roster.routes(happening(3)) == ()
    assert roster.silenced["webhook/ticketing"].because == "it answered 410 Gone"
    roster.enable("ticketing")
    pool.run(5)
    assert [event for _, event in ear.heard] == [happening(1).id, happening(2).id]


def test_a_one_shot_subscription_ends_with_its_first_delivery(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    roster = Roster(store.hooks, clock)
    terms = Terms(url="https://tool.example/", interest=Interest(events=(EventType.FAILOVER_HAPPENED,)), once=True)
    kept, _, _ = roster.subscribe(terms, None)
    roster.send_test(kept.name, "me")
    happen(happening(1), happening(2), to=(kept.endpoint,))
    ear = Ear(answered(500))
    ByHand(roster, ear, clock).run(10)
    assert [event for _, event in ear.heard][1:] == [happening(1).id]
    assert roster.hooks == {}
    assert store.hooks.subscriptions() == ()
    assert log(store, kept.name) == []


def test_a_subscription_ends_at_its_time_but_not_before_what_waits_is_told(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    roster = Roster(store.hooks, clock)
    kept, _, _ = roster.subscribe(
        Terms(url="https://tool.example/", expires_at=clock.now() + timedelta(seconds=30)), None
    )
    assert roster.routes(happening(29)) == (kept.endpoint,)
    assert roster.routes(happening(30)) == ()
    happen(happening(1), to=(kept.endpoint,))
    clock.advance(60)
    roster.refresh()
    assert list(roster.hooks) == [kept.endpoint]
    ear = Ear()
    ByHand(roster, ear, clock).run(5)
    roster.refresh()
    assert [event for _, event in ear.heard] == [happening(1).id]
    assert roster.hooks == {}


def test_what_was_given_up_can_be_sent_anew_under_its_old_id(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    roster = Roster(store.hooks, clock, [hook(max_age=timedelta(seconds=10))])
    happen(happening(1), happening(2), to=("webhook/ticketing",))
    clock.advance(60)
    ear = Ear()
    pool = ByHand(roster, ear, clock)
    pool.run(5)
    assert ear.heard == []
    assert roster.replay("ticketing", None) == 2
    pool.run(5)
    assert roster.replay("ticketing", happening(1).id) == 1
    pool.run(5)
    assert [event for _, event in ear.heard] == [happening(n).id for n in (1, 2, 1)]


def test_a_defect_is_a_failure_like_any_other_and_tells_no_secret(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    happen(happening(1), to=("webhook/ticketing",))
    ear = Ear(RuntimeError("SECRET"))
    ByHand(Roster(store.hooks, clock, [hook()]), ear, clock).run(5)
    assert len(ear.heard) == 1
    assert "RuntimeError" in caplog.text
    assert "SECRET" not in caplog.text


def test_an_operator_who_has_mended_a_receiver_need_not_wait_for_its_next_turn(
    store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    roster, ear = Roster(store.hooks, clock, [hook()]), Ear(*[answered(500)] * 7)
    pool = ByHand(roster, ear, clock)
    happen(happening(1), to=("webhook/ticketing",))
    pool.run(120)
    assert (ear.tries, ear.heard) == (7, [])
    test = roster.send_test("ticketing", "ann")
    pool.run(5)
    assert [event for _, event in ear.heard] == [happening(1).id, test.id]


class Defective:
    """A store with a defect where it is asked for newer moves, for a while."""

    def __init__(self, store: SqlStore) -> None:
        self._hooks = store.hooks
        self.defective = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._hooks, name)

    def newer_move(self, delivery: Any) -> str | None:
        if self.defective:
            raise KeyError("SECRET")
        return self._hooks.newer_move(delivery)


def test_a_defect_before_anything_is_sent_ends_no_receiver(store: SqlStore, clock: FakeClock, happen: Happen) -> None:
    odd, ear = Defective(store), Ear()
    pool = ByHand(Roster(odd, clock, [hook(latest_only=True)]), ear, clock)  # type: ignore[arg-type] - as below
    happen(happening(1), to=("webhook/ticketing",))
    pool.run(5)
    assert (ear.heard, log(store)[0].last_error) == ([], "KeyError (a defect in mailover)")
    odd.defective = False
    pool.run(20)
    assert [event for _, event in ear.heard] == [happening(1).id]


class Forgetful:
    """A store whose disk is full for a while: it takes no settlement."""

    def __init__(self, store: SqlStore) -> None:
        self._hooks = store.hooks
        self.full = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._hooks, name)

    def settle(self, settlements: Any) -> None:
        if self.full:
            raise StorageError("database or disk is full")
        self._hooks.settle(settlements)


def test_a_store_that_fails_for_a_while_doubles_nothing(
    store: SqlStore, clock: FakeClock, happen: Happen, caplog: pytest.LogCaptureFixture
) -> None:
    failing, ear = Forgetful(store), Ear()
    pool = ByHand(Roster(failing, clock, [hook()]), ear, clock)  # type: ignore[arg-type] - it stands in for the store
    happen(happening(1), happening(2), to=("webhook/ticketing",))
    failing.full = True
    pool.run(300)
    assert len(ear.heard) == 1
    assert caplog.text.count("the outbox cannot be reached") == 1
    failing.full = False
    pool.run(20)
    assert [event for _, event in ear.heard] == [happening(1).id, happening(2).id]


# -- with real threads and real receivers -----------------------------------------------------------------------------


def test_dead_receivers_delay_nobody(store: SqlStore, happen: Happen, receivers: Callable[[], HookReceiver]) -> None:
    """Twice as many hang as the lane of the troubled has threads, and some refuse; the healthy one hears at once."""
    clock, healthy, dead = SystemClock(), receivers(), receivers()
    dead.always = Reply(hang=True)
    reach = Reach(private=True)
    hooks = [hook(f"dead-{n}", dead.url, reach=reach, timeout=timedelta(seconds=2)) for n in range(2 * LAME)]
    hooks += [hook(f"refusing-{n}", "http://127.0.0.1:1/", reach=reach) for n in range(4)]
    hooks.append(hook("healthy", healthy.url, reach=reach))
    roster = Roster(store.hooks, clock, hooks)
    pool = HookPool(roster, HookSender("mailover/here", clock), clock)
    pool.start()
    try:
        happen(happening(1), to=tuple(roster.hooks))
        pool.wake()
        dead.wait_for(2 * LAME)
        for number in range(2, 6):
            happen(happening(number), to=tuple(roster.hooks))
            pool.wake()
            began = time.monotonic()
            healthy.wait_for(number)
            assert time.monotonic() - began < 1.5
    finally:
        dead.closing.set()
        pool.stop()
    assert healthy.ids == [happening(n).id for n in range(1, 6)]


def test_what_waits_is_sent_after_a_restart(
    store: SqlStore, happen: Happen, receivers: Callable[[], HookReceiver]
) -> None:
    clock, receiver = SystemClock(), receivers()
    receiver.script.append(Reply(status=500))
    roster = Roster(store.hooks, clock, [hook(url=receiver.url, reach=Reach(private=True))])
    happen(happening(1), happening(2), to=tuple(roster.hooks))
    first = HookPool(roster, HookSender("mailover/here", clock), clock)
    first.start()
    receiver.wait_for(1)
    first.stop()
    second = HookPool(roster, HookSender("mailover/here", clock), clock)
    second.start()
    receiver.wait_for(3)
    second.stop()
    assert receiver.ids == [happening(1).id, happening(1).id, happening(2).id]


def test_a_subscription_is_served_from_the_moment_it_is_made(
    store: SqlStore, receivers: Callable[[], HookReceiver]
) -> None:
    clock, receiver = SystemClock(), receivers()
    roster = Roster(store.hooks, clock, allow=HERE)
    pool = HookPool(roster, HookSender("mailover/here", clock), clock)
    pool.start()
    try:
        kept, new, made = roster.subscribe(Terms(url=receiver.url), None)
        assert new
        assert made is not None
        event = roster.send_test(kept.name, "me")
        receiver.wait_for(1)
    finally:
        pool.stop()
    assert receiver.ids == [event.id]
