"""What outgoing webhooks keep, on both databases. What it is for is told in tests/alerts and tests/webhooks."""

from datetime import timedelta

from samples import LEASE, at, event, failover, first_fleet, next_fleet

from mailover.core.events import Event, EventType, Severity
from mailover.core.interest import Interest
from mailover.secrets import Secret
from mailover.storage.hooks import Settlement, Silenced, Subscription, Terms
from mailover.storage.sql import SqlStore
from mailover.storage.store import Delivery

TERMS = Terms(
    url="https://tool.example/",
    interest=Interest(events=(EventType.STREAM_RECOVERED,), streams=("mail",), severity=Severity.INFO),
    once=True,
    expires_at=at(3600),
    by="n8n",
)


def subscription(number: int, secret: str = "first", terms: Terms = TERMS) -> Subscription:
    return Subscription(
        id=f"sub_{number}", key=f"key {number}", terms=terms, secret=Secret(secret), created_at=at(number)
    )


def send(store: SqlStore, *events: Event, to: tuple[str, ...] = ("webhook/sub_1",)) -> None:
    previous = store.load()
    fleet = first_fleet() if previous is None else next_fleet(previous)
    store.commit(fleet, previous, events=events, endpoints=lambda _event: to)


def due(store: SqlStore, second: float = 10, *names: str) -> list[Delivery]:
    return list(store.hooks.due(names or ("webhook/sub_1",), now=at(second), limit=10, lease=LEASE))


def settled(delivery: Delivery, **more: object) -> Settlement:
    return Settlement(seq=delivery.seq, endpoint=delivery.endpoint, at=at(20), **more)


def test_a_subscription_comes_back_as_it_was_kept(store: SqlStore) -> None:
    assert store.hooks.subscribe(subscription(2), keep_old_until=None) == (subscription(2), True)
    store.hooks.subscribe(subscription(1), keep_old_until=None)
    assert store.hooks.subscriptions() == (subscription(1), subscription(2))


def test_the_same_key_changes_the_terms_and_keeps_id_and_secret(store: SqlStore) -> None:
    store.hooks.subscribe(subscription(1), keep_old_until=None)
    terms = Terms(url=TERMS.url)
    wanted = Subscription(id="sub_9", key="key 1", terms=terms, secret=Secret("unused"), created_at=at(9))
    assert store.hooks.subscribe(wanted, keep_old_until=None) == (subscription(1, terms=terms), False)


def test_a_new_secret_lets_the_old_one_sign_on_for_a_while(store: SqlStore) -> None:
    store.hooks.subscribe(subscription(1), keep_old_until=at(100))
    store.hooks.subscribe(subscription(1, "second"), keep_old_until=at(100))
    store.hooks.subscribe(subscription(1, "second"), keep_old_until=at(200))
    (kept,) = store.hooks.subscriptions()
    assert (kept.secret, kept.old_secret, kept.old_secret_until) == (Secret("second"), Secret("first"), at(100))


def test_only_the_named_receivers_are_leased_and_in_order(store: SqlStore) -> None:
    send(store, event(1), event(2), to=("slack", "webhook/sub_1", "webhook/sub_2"))
    assert [(d.endpoint, d.event) for d in due(store)] == [("webhook/sub_1", event(1))]
    assert due(store) == []
    assert [d.endpoint for d in due(store, 10, "webhook/sub_1", "webhook/sub_2")] == ["webhook/sub_2"]


def test_what_is_given_back_untried_is_due_at_once(store: SqlStore) -> None:
    send(store, event(1))
    (first,) = due(store)
    store.hooks.release([first.seq])
    (again,) = due(store)
    assert (again.seq, again.attempts) == (first.seq, 0)


def test_every_outcome_is_in_the_log(store: SqlStore) -> None:
    send(store, *(event(n) for n in range(1, 5)))
    for more in ({"status": 204}, {"status": 500, "error": "no"}, {"error": "late", "due_at": at(60)}):
        (delivery,) = due(store)
        store.hooks.settle([settled(delivery, **more)])
    lines = store.hooks.sendings("webhook/sub_1").items
    assert [(x.event, x.state, x.attempts, x.status, x.last_error) for x in lines] == [
        (event(4).id, "pending", 0, None, None),
        (event(3).id, "pending", 1, None, "late"),
        (event(2).id, "buried", 1, 500, "no"),
        (event(1).id, "delivered", 0, 204, None),
    ]
    assert (lines[1].tried_at, lines[1].due_at, lines[1].happened_at) == (at(20), at(60), at(3))


def test_a_receiver_that_is_switched_off_keeps_what_waits(store: SqlStore) -> None:
    send(store, event(1))
    (delivery,) = due(store)
    store.hooks.settle([settled(delivery, status=410, error="gone", silence="gone")])
    assert store.hooks.silenced() == {"webhook/sub_1": Silenced(at=at(20), because="gone")}
    assert store.hooks.unsilence("webhook/sub_1")
    assert not store.hooks.unsilence("webhook/sub_1")
    assert [d.event for d in due(store)] == [event(1)]


def test_a_subscription_leaves_nothing_behind(store: SqlStore) -> None:
    store.hooks.subscribe(subscription(1), keep_old_until=None)
    send(store, event(1), event(2))
    (delivery,) = due(store)
    store.hooks.settle([settled(delivery, status=200, ends="sub_1")])
    assert (store.hooks.subscriptions(), store.backlogs()) == ((), ())
    assert not store.hooks.unsubscribe("sub_1", "webhook/sub_1")


def test_an_expired_subscription_goes_when_nothing_waits_for_it(store: SqlStore) -> None:
    store.hooks.subscribe(subscription(1), keep_old_until=None)
    send(store, event(1))
    endpoints = {"sub_1": "webhook/sub_1"}
    assert store.hooks.drop_expired(at(3600), endpoints) == 0
    (delivery,) = due(store)
    store.hooks.settle([settled(delivery, status=200)])
    assert store.hooks.drop_expired(at(3599), endpoints) == 0
    assert store.hooks.drop_expired(at(3600), endpoints) == 1


def test_an_expired_subscription_that_is_switched_off_goes_with_what_it_will_never_hear(store: SqlStore) -> None:
    store.hooks.subscribe(subscription(1), keep_old_until=None)
    send(store, event(1), event(2))
    (delivery,) = due(store)
    store.hooks.settle([settled(delivery, status=410, error="gone", silence="gone")])
    assert store.hooks.drop_expired(at(3599), {"sub_1": "webhook/sub_1"}) == 0
    assert store.hooks.drop_expired(at(3600), {"sub_1": "webhook/sub_1"}) == 1
    assert (store.hooks.subscriptions(), store.hooks.silenced(), store.backlogs()) == ((), {}, ())


def test_the_newest_move_of_a_stream_is_known(store: SqlStore) -> None:
    send(store, failover(1, "a", "b"), failover(2, "b", "c", "other"), failover(3, "b", "a"), event(4))
    (delivery,) = due(store)
    assert store.hooks.newer_move(delivery) == failover(3, "b", "a").id
    store.hooks.settle([settled(delivery, status=200)])
    (delivery,) = due(store)
    assert store.hooks.newer_move(delivery) is None


def test_an_event_for_one_receiver_is_in_the_event_log_too(store: SqlStore) -> None:
    store.hooks.enqueue(event(7, EventType.WEBHOOK_TEST), "webhook/sub_1")
    assert store.event(event(7).id) is not None
    assert [d.event.type for d in due(store)] == [EventType.WEBHOOK_TEST]


def test_a_replay_brings_back_what_was_given_up_or_one_event(store: SqlStore) -> None:
    send(store, event(1), event(2))
    send(store, event(3), to=())
    for more in ({"status": 200}, {"status": 500, "error": "no"}):
        (delivery,) = due(store)
        store.hooks.settle([settled(delivery, **more)])
    assert store.hooks.replay("webhook/sub_1", None, at(30)) == 1
    (again,) = due(store, 30)
    assert (again.event, again.attempts, again.replayed_at) == (event(2), 0, at(30))
    assert store.hooks.replay("webhook/sub_1", event(3).id, at(40)) == 1
    assert store.hooks.replay("webhook/sub_1", "evt_none", at(40)) == 0
    assert store.hooks.replay("webhook/sub_1", "evt\0", at(40)) == 0
    store.hooks.settle([settled(again, status=200)])
    assert [(d.event, d.replayed_at) for d in due(store, 40)] == [(event(3), at(40))]


def test_a_long_log_comes_in_pages(store: SqlStore) -> None:
    send(store, *(event(n) for n in range(1, 6)))
    seen: list[str] = []
    after: int | None = None
    for _ in range(3):
        page = store.hooks.sendings("webhook/sub_1", after=after, limit=2)
        seen += [each.event for each in page.items]
        after = int(page.next) if page.next is not None else None
    assert seen == [event(n).id for n in (5, 4, 3, 2, 1)]
    assert after is None


def test_a_lease_that_ends_undecided_is_due_again(store: SqlStore) -> None:
    send(store, event(1))
    assert due(store)
    later = (at(10) + LEASE + timedelta(seconds=1) - at(0)).total_seconds()
    assert [d.event for d in due(store, later)] == [event(1)]
