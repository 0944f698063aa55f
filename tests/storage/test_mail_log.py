"""What operators see of mail and do with it, on both databases."""

import pytest
from letters import content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate
from mailover.core.retry import QUEUE_LIMIT
from mailover.errors import NotFoundError
from mailover.storage.sql import SqlStore


def listed(store: SqlStore, **wanted: object) -> list[int]:
    return [int(m.id[4:]) for m in store.mail.mails(**wanted).items]


def test_mails_are_listed_as_they_were_accepted_or_newest_first_page_by_page(store: SqlStore) -> None:
    queue(store, *(mail(n) for n in range(1, 6)))
    first = store.mail.mails(limit=2)
    assert [m.id for m in first.items] == ["msg_000001", "msg_000002"]
    assert listed(store, after=first.next, limit=2) == [3, 4]
    assert listed(store, after="msg_000003", newest_first=True) == [2, 1]
    assert store.mail.mails(limit=5).next is None


@pytest.mark.parametrize("cursor", ["msg_9", "", "\0", "\ud800"])
def test_a_bad_cursor_is_an_error(store: SqlStore, cursor: str) -> None:
    with pytest.raises(NotFoundError):
        store.mail.mails(after=cursor)


def test_mails_are_found_by_stream_by_fate_and_by_recipient(store: SqlStore) -> None:
    put(
        store,
        mail(1),
        mail(2, "a@example.net", "b@example.net"),
        mail(3, "A@Example.net", stream="marketing"),
        mail(4),
        mail(5),
    )
    settle(
        store,
        fared(mail(2, "a@example.net", "b@example.net"), Fate.DELIVERED, Fate.QUEUED),
        fared(mail(3, "A@Example.net"), Fate.FAILED),
        fared(mail(4), Fate.AMBIGUOUS),
        fared(mail(5), Fate.DELIVERED),
    )
    assert listed(store, stream="marketing") == [3]
    assert listed(store, fate=Fate.QUEUED) == [1, 2]
    assert listed(store, fate=Fate.DELIVERED) == [2, 5]
    assert listed(store, fate=Fate.FAILED) == [3]
    assert listed(store, fate=Fate.AMBIGUOUS, newest_first=True) == [4]
    assert listed(store, recipient="a@EXAMPLE.net") == [2, 3]
    assert listed(store, recipient="a@example.net", fate=Fate.QUEUED, stream="transactional") == [2]
    assert listed(store, recipient="nobody@example.net") == []


@pytest.mark.parametrize("odd", ["\0", "\ud800", "x" * 10_000])
def test_odd_names_find_nothing(store: SqlStore, odd: str) -> None:
    queue(store, mail(1))
    assert listed(store, stream=odd) == []
    assert listed(store, recipient=odd) == []
    assert store.mail.mail(odd) is None
    assert store.mail.content(odd) is None
    assert store.mail.retry([odd], at(1)) == 0
    assert store.mail.drop([odd], at(1)) == 0


def test_a_dead_letter_is_retried_and_its_time_begins_anew(store: SqlStore) -> None:
    two = mail(1, "a@example.net", "b@example.net", deadline_at=at(150))
    put(store, two, mail(2), mail(3))
    settle(
        store,
        fared(two, Fate.DELIVERED, Fate.FAILED),
        fared(mail(2), Fate.AMBIGUOUS),
        fared(mail(3), Fate.DELIVERED),
    )
    assert store.mail.retry(["msg_000001", "msg_000002", "msg_000003", "msg_9"], at(200)) == 2
    first, second = lease(store, 200)
    assert [each.address for each in first.mail.pending] == ["b@example.net"]
    assert first.mail.deadline_at == at(200) + QUEUE_LIMIT
    assert (second.mail.id, second.content) == ("msg_000002", content_of(2))


def test_what_waits_is_due_when_it_is_retried(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.QUEUED, due_at=at(900)))
    assert store.mail.retry(["msg_000001"], at(200)) == 1
    assert ids(lease(store, 200)) == ["msg_000001"]
    assert store.mail.retry(["msg_000001"], at(200)) == 0


def test_where_some_wait_and_others_failed_a_retry_is_for_all_of_them(store: SqlStore) -> None:
    two = mail(1, "a@example.net", "b@example.net")
    put(store, two)
    settle(store, fared(two, Fate.FAILED, Fate.QUEUED, due_at=at(900)))
    assert store.mail.retry([two.id], at(200)) == 1
    (leased,) = lease(store, 200)
    assert [each.address for each in leased.mail.pending] == ["a@example.net", "b@example.net"]
    assert store.mail.depths()["transactional"].failed == 0


def test_what_expired_without_a_content_cannot_be_retried(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.EXPIRED))
    assert store.mail.retry(["msg_000001"], at(200)) == 0


def test_what_is_dropped_is_not_sent_even_when_it_is_held(store: SqlStore) -> None:
    put(store, mail(1), mail(2), mail(3))
    settle(store, fared(mail(2), Fate.FAILED), fared(mail(3), Fate.DELIVERED))
    assert store.mail.drop(["msg_000001", "msg_000002", "msg_000003"], at(200)) == 2
    assert [fates(store, n) for n in (1, 2, 3)] == [[Fate.DROPPED], [Fate.DROPPED], [Fate.DELIVERED]]
    assert store.mail.content("msg_000001") is None
    assert store.mail.content("msg_000002") is None
    assert store.mail.renew(["msg_000001"], holder="relay-1", until=at(300)) == frozenset()
    assert lease(store, 10**6) == []


def test_what_was_sent_while_it_was_dropped_is_told(store: SqlStore) -> None:
    put(store, mail(1))
    store.mail.drop(["msg_000001"], at(50))
    settle(store, fared(mail(1), Fate.DELIVERED))
    assert fates(store) == [Fate.DELIVERED]


def test_what_failed_while_it_was_dropped_stays_dropped(store: SqlStore) -> None:
    put(store, mail(1))
    store.mail.drop(["msg_000001"], at(50))
    settle(store, fared(mail(1), Fate.FAILED))
    assert fates(store) == [Fate.DROPPED]
    assert store.mail.depths()["transactional"].failed == 0


def test_a_pause_survives(store: SqlStore) -> None:
    store.mail.pause("marketing", paused=True)
    queue(store, mail(1, stream="marketing"))
    store.close()
    assert store.mail.depths()["marketing"].paused
    assert lease(store) == []
