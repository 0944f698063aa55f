"""Who may send what, on both databases: mail is kept once, held by one relay at a time, and comes back."""

import threading
from datetime import timedelta

import pytest
from letters import LEASE, OTHERS, SOON, US, content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate
from mailover.errors import StorageError
from mailover.storage.sql import SqlStore, open_store


def test_a_mail_comes_back_as_it_was_put(store: SqlStore) -> None:
    whole = mail(1, "a@example.net", "B@example.org", utf8=True, deadline_at=at(600), priority=5)
    assert store.mail.put([(whole, content_of(1), "x")], holder=US, until=at(60)) == (whole.id,)
    assert store.mail.mail(whole.id) == whole
    assert store.mail.content(whole.id) == content_of(1)


def test_a_mail_is_held_by_whoever_accepted_it(store: SqlStore) -> None:
    put(store, mail(1), until=at(60))
    assert lease(store, 59, holder=OTHERS) == []
    assert lease(store, 59) == []
    settle(store, fared(mail(1), Fate.DELIVERED), second=59)
    assert lease(store, 1000) == []


def test_of_all_that_is_put_together_nothing_is_kept_when_one_cannot_be(store: SqlStore) -> None:
    put(store, mail(1))
    twin = mail(1, "other@example.net")
    with pytest.raises(StorageError):
        store.mail.put([(mail(2), b"", "y"), (twin, b"", "z")], holder=US, until=at(60))
    assert store.mail.mail("msg_000002") is None
    assert store.mail.depths()["transactional"].queued == 1
    put(store, mail(2))


def test_what_was_put_before_is_not_kept_again_for_a_day(store: SqlStore) -> None:
    day = 24 * 3600
    assert store.mail.put([(mail(1), b"x", "same")], holder=US, until=at(60)) == ("msg_000001",)
    again = [(mail(2), b"x", "same"), (mail(3), b"y", "other"), (mail(4), b"y", "other")]
    assert store.mail.put(again, holder=US, until=at(60)) == ("msg_000001", "msg_000003", "msg_000003")
    assert [m.id for m in store.mail.mails().items] == ["msg_000001", "msg_000003"]
    assert store.mail.depths()["transactional"].queued == 2
    late = mail(5, accepted_at=at(1 + day))
    assert store.mail.put([(late, b"x", "same")], holder=US, until=at(60)) == (late.id,)


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.EXPIRED, Fate.DROPPED])
def test_what_nobody_got_in_the_end_is_kept_anew_when_it_is_handed_over_again(store: SqlStore, fate: Fate) -> None:
    first, again, third = mail(1, "a@example.net", "b@example.net"), mail(2), mail(3)
    put(store, first)
    settle(store, fared(first, fate))
    assert store.mail.put([(again, content_of(2), first.id)], holder=US, until=SOON) == (first.id,)
    settle(store, fared(first, fate, fate))
    assert store.mail.put([(again, content_of(2), first.id)], holder=US, until=SOON) == (again.id,)
    assert store.mail.put([(third, content_of(3), first.id)], holder=US, until=SOON) == (again.id,)
    assert store.mail.mail(third.id) is None


@pytest.mark.parametrize("fate", [Fate.DELIVERED, Fate.AMBIGUOUS, Fate.LOGGED])
def test_what_somebody_got_or_may_have_got_is_not_kept_again(store: SqlStore, fate: Fate) -> None:
    first = mail(1, "a@example.net", "b@example.net")
    put(store, first)
    settle(store, fared(first, Fate.FAILED, fate))
    assert store.mail.put([(mail(2), content_of(2), first.id)], holder=US, until=SOON) == (first.id,)


def test_mail_goes_by_priority_and_then_as_it_was_accepted(store: SqlStore) -> None:
    queue(store, mail(1, priority=5), mail(2, stream="marketing", priority=1), mail(3), mail(4, priority=5), mail(5))
    assert ids(lease(store, limit=2)) == ["msg_000003", "msg_000005"]
    assert ids(lease(store)) == ["msg_000002", "msg_000001", "msg_000004"]
    assert lease(store) == []


def test_a_lease_takes_what_fits_and_at_least_one(store: SqlStore) -> None:
    queue(store, mail(1), mail(2), mail(3))
    assert ids(lease(store, most_bytes=2 * mail(1).size)) == ["msg_000001", "msg_000002"]
    assert ids(lease(store, most_bytes=1)) == ["msg_000003"]


def test_streams_that_are_unwanted_or_paused_are_left(store: SqlStore) -> None:
    queue(store, mail(1, stream="a"), mail(2, stream="b"), mail(3, stream="c"))
    store.mail.pause("b", paused=True)
    assert store.mail.depths()["b"].paused
    assert ids(lease(store, without=["a"])) == ["msg_000003"]
    store.mail.pause("b", paused=False)
    assert ids(lease(store, without=["a"])) == ["msg_000002"]
    assert ids(lease(store)) == ["msg_000001"]


def test_a_relay_that_ended_without_a_word_gives_its_mail_back_and_that_is_on_record(store: SqlStore) -> None:
    put(store, mail(1), holder=OTHERS, until=at(60))
    assert lease(store, 59) == []
    (taken,) = lease(store, 60)
    assert taken.mail.handovers == 1
    assert taken.content == content_of(1)
    (again,) = lease(store, 200)
    assert again.mail.handovers == 2


def test_a_relay_that_ends_well_gives_its_mail_back_at_once_and_untried(store: SqlStore) -> None:
    put(store, mail(1), mail(2), holder=OTHERS)
    store.mail.release(holder=OTHERS)
    assert [(each.mail.id, each.mail.handovers) for each in lease(store, 1)] == [("msg_000001", 0), ("msg_000002", 0)]


def test_a_relay_that_is_alone_inherits_what_its_last_life_held(store: SqlStore) -> None:
    put(store, mail(1), mail(2), holder=OTHERS, until=at(600))
    queue(store, mail(3))
    assert store.mail.inherit() == 2
    assert [(each.mail.id, each.mail.handovers) for each in lease(store, 1)] == [
        ("msg_000001", 1),
        ("msg_000002", 1),
        ("msg_000003", 0),
    ]


def test_only_what_is_still_held_is_renewed(store: SqlStore) -> None:
    put(store, mail(1), mail(2), until=at(60))
    put(store, mail(3), holder=OTHERS)
    settle(store, fared(mail(2), Fate.DELIVERED))
    named = ["msg_000001", "msg_000002", "msg_000003", "msg_9"]
    assert store.mail.renew(named, holder=US, until=at(200)) == {"msg_000001"}
    assert ids(lease(store, 100)) == ["msg_000003"]


def test_what_waits_is_due_at_its_time(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.QUEUED, due_at=at(300), because="greylisted"))
    assert lease(store, 299) == []
    (due,) = lease(store, 300)
    assert (due.mail.attempts, due.mail.because, due.mail.due_at) == (1, "greylisted", None)
    assert due.mail.recipients[0].attempts == 1


def test_a_mail_given_back_untried_counts_no_attempt_and_is_due_at_once(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), counted=False))
    (due,) = lease(store, 101)
    assert due.mail.attempts == 0


def test_the_next_due_is_the_earliest_of_what_waits_and_what_is_held(store: SqlStore) -> None:
    assert store.mail.next_due(at(1)) is None
    put(store, mail(1), until=at(500))
    assert store.mail.next_due(at(1)) == at(500)
    put(store, mail(2))
    settle(store, fared(mail(2), Fate.QUEUED, due_at=at(300)))
    assert store.mail.next_due(at(1)) == at(300)
    queue(store, mail(3, stream="marketing"))
    assert store.mail.next_due(at(1)) == at(1)
    assert store.mail.next_due(at(1), ["marketing"]) == at(300)
    store.mail.pause("marketing", paused=True)
    assert store.mail.next_due(at(1)) == at(300)


def test_a_recovery_makes_due_what_waits_for_it_or_for_any_those_that_go_first_in_steps(store: SqlStore) -> None:
    mails = [mail(n, priority=9 - n) for n in range(1, 7)]
    put(store, *mails)
    names = ("ses", "ses", "any", "postmark", "ses", "")
    settle(
        store,
        *(fared(m, Fate.QUEUED, due_at=at(900), waiting_for=n) for m, n in zip(mails, names, strict=True)),
    )
    assert store.mail.hasten(["ses"], at(200), limit=2) == 2
    assert ids(lease(store, 200)) == ["msg_000005", "msg_000003"]
    assert store.mail.hasten(["ses"], at(200), limit=2) == 2
    assert store.mail.hasten(["ses"], at(200), limit=2) == 0
    assert ids(lease(store, 200)) == ["msg_000002", "msg_000001"]
    assert store.mail.hasten(["postmark"], at(200)) == 1


def test_instants_written_under_a_clock_far_ahead_are_due(store: SqlStore) -> None:
    ahead = timedelta(days=365)
    put(store, mail(1), holder=OTHERS, until=at(0) + ahead)
    put(store, mail(2))
    settle(store, fared(mail(2), Fate.QUEUED, due_at=at(0) + ahead))
    assert store.mail.next_due(at(100)) == at(100)
    assert ids(lease(store, 100)) == ["msg_000001", "msg_000002"]


def test_a_mail_accepted_under_a_clock_far_ahead_stops_nobody(store: SqlStore) -> None:
    queue(store, mail(1, accepted_at=at(0) + timedelta(days=365)), mail(2))
    assert ids(lease(store)) == ["msg_000001", "msg_000002"]


def test_two_relays_never_hold_the_same_mail(url: str, store: SqlStore) -> None:
    other = open_store(url)
    queue(store, *(mail(n) for n in range(1, 21)))
    mine = [m for _ in range(5) for m in ids(lease(store, limit=2)) + ids(lease(other, holder=OTHERS, limit=2))]
    assert sorted(mine) == [f"msg_{n:06d}" for n in range(1, 21)]
    other.close()


def test_a_new_relay_on_the_same_file_numbers_on(url: str, store: SqlStore) -> None:
    queue(store, mail(1))
    other = open_store(url)
    queue(other, mail(2))
    queue(store, mail(3))
    other.close()
    assert [m.id for m in store.mail.mails().items] == ["msg_000001", "msg_000002", "msg_000003"]
    assert fates(store) == [Fate.QUEUED]


def test_a_lease_may_be_as_long_as_it_likes_within_an_hour(store: SqlStore) -> None:
    put(store, mail(1), holder=OTHERS, until=at(0) + 30 * LEASE)
    assert lease(store, 1000) == []


def test_relays_that_lease_and_settle_at_once_send_each_mail_once(url: str, store: SqlStore) -> None:
    queue(store, *(mail(n, priority=n % 3) for n in range(1, 121)))
    sent: list[str] = []

    def work(holder: str) -> None:
        mine = open_store(url)
        while taken := lease(mine, holder=holder, limit=7):
            settle(mine, *(fared(each.mail, Fate.DELIVERED) for each in taken), holder=holder)
            sent.extend(ids(taken))
        mine.close()

    relays = [threading.Thread(target=work, args=(f"relay-{n}",)) for n in range(4)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    assert sorted(sent) == [f"msg_{n:06d}" for n in range(1, 121)]
    assert store.mail.depths()["transactional"].queued == 0


def test_relays_that_take_the_same_mail_at_once_keep_it_once(url: str, store: SqlStore) -> None:
    kept: list[str] = []

    def work(place: int) -> None:
        mine = open_store(url)
        for n in range(10):
            whole = mail(1000 * place + n)
            kept.extend(mine.mail.put([(whole, content_of(n), f"same {n}")], holder=str(place), until=at(60)))
        mine.close()

    relays = [threading.Thread(target=work, args=(n,)) for n in range(1, 4)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    assert len(kept) == 30
    assert {m.id for m in store.mail.mails().items} == set(kept)
    assert len(set(kept)) == 10
