"""What becomes of mail, on both databases: what was sent was sent, and contents go when nobody needs them."""

from dataclasses import replace

from letters import NO, OTHERS, US, content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate, QueueDepth, Recipient, Settlement
from mailover.storage.mail_holding import Holding
from mailover.storage.sql import SqlStore


def test_where_everybody_has_it_the_content_is_deleted_and_the_record_stays(store: SqlStore) -> None:
    put(store, mail(1, "a@example.net", "b@example.net"))
    settle(store, fared(mail(1, "a@example.net", "b@example.net"), Fate.DELIVERED, Fate.SUPPRESSED))
    assert store.mail.content("msg_000001") is None
    found = store.mail.mail("msg_000001")
    assert found is not None
    assert [(each.fate, each.provider, each.settled_at) for each in found.recipients] == [
        (Fate.DELIVERED, "postmark", at(101)),
        (Fate.SUPPRESSED, "postmark", at(101)),
    ]
    assert lease(store) == []


def test_recipients_are_settled_one_by_one(store: SqlStore) -> None:
    both = mail(1, "a@example.net", "b@example.net")
    put(store, both)
    settle(store, fared(both, Fate.DELIVERED, due_at=at(200)))
    (rest,) = lease(store, 200)
    assert [each.address for each in rest.mail.pending] == ["b@example.net"]
    assert rest.content == content_of(1)
    settle(store, Settlement(mail=both.id, recipients=(replace(both.recipients[1], fate=Fate.EXPIRED),)))
    assert fates(store) == [Fate.DELIVERED, Fate.EXPIRED]
    assert store.mail.content(both.id) is None


def test_the_content_of_what_failed_or_may_have_arrived_is_kept(store: SqlStore) -> None:
    put(store, mail(1), mail(2))
    settle(store, fared(mail(1), Fate.FAILED), fared(mail(2), Fate.AMBIGUOUS))
    assert store.mail.content("msg_000001") == content_of(1)
    assert store.mail.content("msg_000002") == content_of(2)
    found = store.mail.mail("msg_000001")
    assert found is not None
    assert found.recipients[0].failure == NO
    assert lease(store, 10**6) == []


def test_who_lost_the_lease_still_tells_what_was_sent_and_changes_nothing_else(store: SqlStore) -> None:
    both = mail(1, "a@example.net", "b@example.net")
    put(store, both, until=at(60))
    assert ids(lease(store, 100, holder=OTHERS)) == [both.id]
    settle(store, fared(both, Fate.DELIVERED, Fate.QUEUED, due_at=at(999), because="late"))
    assert fates(store) == [Fate.DELIVERED, Fate.QUEUED]
    assert lease(store, 101) == []
    assert store.mail.renew([both.id], holder=OTHERS, until=at(300)) == {both.id}
    found = store.mail.mail(both.id)
    assert found is not None
    assert (found.attempts, found.because) == (0, "")


def test_the_surer_tidings_stay(store: SqlStore) -> None:
    put(store, mail(1), mail(2), mail(3))
    settle(store, fared(mail(1), Fate.DELIVERED), fared(mail(2), Fate.FAILED), fared(mail(3), Fate.AMBIGUOUS))
    settle(store, fared(mail(1), Fate.FAILED), fared(mail(2), Fate.DELIVERED), fared(mail(3), Fate.QUEUED))
    assert [fates(store, n) for n in (1, 2, 3)] == [[Fate.DELIVERED], [Fate.DELIVERED], [Fate.AMBIGUOUS]]
    assert store.mail.content("msg_000002") is None


def test_what_is_told_twice_or_of_unknown_mail_is_no_error(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.DELIVERED), fared(mail(1), Fate.DELIVERED), fared(mail(9), Fate.DELIVERED))
    settle(store, Settlement(mail="msg_000001", recipients=(Recipient(address="stranger@example.net"),)))
    assert fates(store) == [Fate.DELIVERED]


def test_puts_settlements_and_uses_are_one_transaction(store: SqlStore) -> None:
    put(store, mail(1))
    day = at(0).date()
    kept = store.mail.commit(
        puts=[(mail(2), content_of(2), "two")],
        settlements=[fared(mail(1), Fate.DELIVERED)],
        uses={day: {"postmark": 1}},
        holder=US,
        now=at(5),
        until=at(60),
    )
    assert kept == ("msg_000002",)
    assert (fates(store, 1), fates(store, 2), store.mail.used(day)) == (
        [Fate.DELIVERED],
        [Fate.QUEUED],
        {"postmark": 1},
    )


def test_what_changed_behind_our_back_is_read_anew_and_nothing_is_written_twice(store: SqlStore) -> None:
    put(store, mail(1, "a@example.net", "b@example.net"), mail(2), mail(3))
    store.mail.erase("a@example.net")
    store.mail.drop(["msg_000002"], at(50))
    store.mail.commit(
        puts=[(mail(4), content_of(4), "four")],
        settlements=[
            fared(mail(1, "a@example.net", "b@example.net"), Fate.DELIVERED, Fate.DELIVERED),
            fared(mail(2), Fate.FAILED),
            fared(mail(3), Fate.DELIVERED),
        ],
        uses={at(0).date(): {"ses": 1}},
        holder=US,
        now=at(60),
        until=at(120),
    )
    assert [fates(store, n) for n in (1, 2, 3, 4)] == [
        [Fate.DELIVERED],
        [Fate.DROPPED],
        [Fate.DELIVERED],
        [Fate.QUEUED],
    ]
    assert store.mail.used(at(0).date()) == {"ses": 1}
    assert store.mail.depths()["transactional"].queued == 1


def test_more_is_held_than_is_known_by_heart(store: SqlStore) -> None:
    store.mail._holding = Holding(most=3)
    many = [mail(n) for n in range(1, 11)]
    put(store, *many)
    settle(store, *(fared(m, Fate.DELIVERED) for m in many))
    assert store.mail.depths()["transactional"].queued == 0


def test_depths_are_right_whatever_happens(store: SqlStore) -> None:
    assert store.mail.depths() == {}
    queue(store, *(mail(n) for n in range(1, 5)), mail(5, stream="marketing"))
    size = mail(1).size
    assert store.mail.depths() == {
        "marketing": QueueDepth(stream="marketing", queued=1, bytes=size, oldest_at=at(5)),
        "transactional": QueueDepth(stream="transactional", queued=4, bytes=4 * size, oldest_at=at(1)),
    }
    lease(store)
    settle(
        store,
        fared(mail(1), Fate.DELIVERED),
        fared(mail(2), Fate.FAILED),
        fared(mail(3), Fate.AMBIGUOUS),
        fared(mail(4), Fate.QUEUED, due_at=at(900)),
    )
    left = QueueDepth(stream="transactional", queued=1, bytes=size, oldest_at=at(4), failed=1, ambiguous=1)
    assert store.mail.depths()["transactional"] == left
    assert store.mail.retry(["msg_000002"], at(200)) == 1
    assert store.mail.drop(["msg_000003", "msg_000004"], at(200)) == 2
    assert store.mail.depths()["transactional"] == QueueDepth(
        stream="transactional", queued=1, bytes=size, oldest_at=at(2)
    )
    assert store.mail.erase("user2@example.net") == 1
    assert store.mail.depths()["transactional"] == QueueDepth(stream="transactional")


def test_what_providers_took_is_added_up_by_day(store: SqlStore) -> None:
    day, next_day = at(0).date(), at(24 * 3600).date()
    store.mail.use(day, {"postmark": 2, "ses": 1})
    store.mail.use(day, {"postmark": 3})
    store.mail.use(next_day, {"ses": 7})
    assert store.mail.used(day) == {"postmark": 5, "ses": 1}
    assert store.mail.used(next_day) == {"ses": 7}
