"""Retention, erasing a person, and addresses that get no mail any more, on both databases."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from letters import NO, OTHERS, SOON, US, content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate, Suppression
from mailover.errors import StorageError
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.tables import feedback_events, mail_addresses, mail_contents, mail_digests, mails

DAY = 24 * 3600
KEEP = {"marketing": timedelta(days=1)}
USUAL = timedelta(days=30)


def rows(store: SqlStore, *tables: sa.Table) -> list[int]:
    with store._database.reading() as connection:
        return [connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables]


def tidied(store: SqlStore, second: float) -> None:
    while store.mail.tidy(at(second), KEEP, USUAL):
        pass


def test_settled_mail_is_forgotten_after_what_its_stream_keeps(store: SqlStore) -> None:
    put(store, mail(1), mail(2, stream="marketing"), mail(3, stream="marketing"))
    settle(store, *(fared(m, Fate.FAILED) for m in (mail(1), mail(2))))
    tidied(store, 102)
    assert rows(store, mails) == [3]
    tidied(store, 102 + DAY)
    assert [m.id for m in store.mail.mails().items] == ["msg_000001", "msg_000003"]
    assert store.mail.depths()["marketing"].failed == 0
    tidied(store, 102 + 30 * DAY)
    assert [m.id for m in store.mail.mails().items] == ["msg_000003"]
    assert rows(store, mails, mail_contents, mail_addresses, mail_digests) == [1, 1, 2, 0]


def test_forgetting_goes_in_short_steps(store: SqlStore) -> None:
    many = [mail(n) for n in range(1, 602)]
    put(store, *many)
    settle(store, *(fared(m, Fate.DELIVERED) for m in many))
    assert store.mail.tidy(at(102 + 30 * DAY), KEEP, USUAL)
    assert rows(store, mails) == [101]
    assert not store.mail.tidy(at(102 + 30 * DAY), KEEP, USUAL)
    assert rows(store, mails, mail_digests) == [0, 0]


def test_what_was_settled_under_a_clock_far_ahead_is_forgotten(store: SqlStore) -> None:
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.DELIVERED), second=400 * DAY)
    tidied(store, 100)
    assert rows(store, mails) == [0]


def test_what_providers_took_long_ago_is_forgotten(store: SqlStore) -> None:
    store.mail.use(at(0).date(), {"ses": 1})
    tidied(store, 39 * DAY)
    assert store.mail.used(at(0).date()) == {"ses": 1}
    tidied(store, 41 * DAY)
    assert store.mail.used(at(0).date()) == {}


def test_a_person_is_erased_from_every_mail(store: SqlStore) -> None:
    two = mail(3, "them@example.net", "Me@Example.net")
    put(store, mail(1, "me@example.net"), mail(2, "me@example.net"), two, mail(4, "them@example.net"))
    settle(store, fared(mail(1, "me@example.net"), Fate.FAILED), fared(two, Fate.DELIVERED, Fate.FAILED))
    assert store.mail.erase("ME@example.net") == 3
    assert [m.id for m in store.mail.mails().items] == ["msg_000003", "msg_000004"]
    assert fates(store, 3) == [Fate.DELIVERED]
    assert store.mail.content("msg_000003") is None
    assert store.mail.mails(recipient="me@example.net").items == ()
    with store._database.reading() as connection:
        bodies = connection.execute(sa.select(mails.c.body)).scalars().all()
    assert not any("me@example.net" in body.lower() for body in bodies)
    assert store.mail.erase("me@example.net") == 0


def test_others_still_get_their_copy_of_what_an_erased_person_would_have_got(store: SqlStore) -> None:
    queue(store, mail(1, "me@example.net", "them@example.net"))
    assert store.mail.erase("me@example.net") == 1
    (left,) = lease(store)
    assert ([each.address for each in left.mail.pending], left.content) == (["them@example.net"], content_of(1))


def test_an_erased_person_does_not_come_back_with_what_was_under_way(store: SqlStore) -> None:
    two = mail(2, "me@example.net", "them@example.net")
    put(store, mail(1, "me@example.net"), two, holder=OTHERS)
    store.mail.erase("me@example.net")
    settle(store, fared(mail(1, "me@example.net"), Fate.DELIVERED), holder=OTHERS)
    settle(store, fared(two, Fate.DELIVERED, Fate.DELIVERED), holder=OTHERS)
    assert store.mail.mail("msg_000001") is None
    assert fates(store, 2) == [Fate.DELIVERED]


def test_a_person_is_erased_as_a_sender_where_nobody_waits_for_it_any_more(store: SqlStore) -> None:
    mine = {"sender": "Me@Example.net"}
    said = replace(NO, text="550 <me@example.net> may not send to you@example.net")
    refused = fared(mail(1), Fate.FAILED)
    refused = replace(refused, recipients=tuple(replace(each, failure=said) for each in refused.recipients))
    put(store, *(mail(n, **mine) for n in (1, 2, 3)), mail(4))
    settle(store, refused, fared(mail(2), Fate.DELIVERED))
    assert store.mail.mails(recipient="me@example.net").items == ()
    assert store.mail.erase("me@example.NET") == 2
    first, second, third, fourth = store.mail.mails().items
    assert [each.sender for each in (first, second, third, fourth)] == ["", "", "Me@Example.net", "app@example.com"]
    assert first.recipients[0].failure == replace(NO, text="550 <m...@example.net> may not send to y...@example.net")
    assert fates(store, 1) == [Fate.FAILED]
    assert store.mail.content("msg_000001") is None
    assert store.mail.content("msg_000003") == content_of(3)
    settle(store, fared(third, Fate.DELIVERED))
    assert store.mail.erase("me@example.net") == 1
    with store._database.reading() as connection:
        bodies = connection.execute(sa.select(mails.c.body)).scalars().all()
    assert not any("me@example.net" in body.lower() for body in bodies)
    assert store.mail.erase("me@example.net") == 0


def test_who_wrote_to_themselves_is_erased_once(store: SqlStore) -> None:
    put(store, mail(1, "me@example.net", "them@example.net", sender="me@example.net"))
    settle(store, fared(mail(1, "me@example.net", "them@example.net"), Fate.DELIVERED, Fate.DELIVERED))
    assert store.mail.erase("me@example.net") == 1
    assert [(each.sender, len(each.recipients)) for each in store.mail.mails().items] == [("", 1)]
    assert rows(store, mail_addresses) == [1]


def test_what_was_erased_is_kept_anew_when_it_is_handed_over_again(store: SqlStore) -> None:
    queue(store, mail(1, "me@example.net"))
    store.mail.erase("me@example.net")
    again = mail(2, "me@example.net")
    assert store.mail.put([(again, content_of(2), "msg_000001")], holder=US, until=SOON) == ("msg_000002",)
    assert fates(store, 2) == [Fate.QUEUED]


def test_many_mails_of_one_person_are_erased(store: SqlStore) -> None:
    queue(store, *(mail(n, "me@example.net") for n in range(1, 1003)))
    assert store.mail.erase("me@example.net") == 1002
    assert rows(store, mails, mail_contents, mail_addresses) == [0, 0, 0]
    assert store.mail.depths()["transactional"].queued == 0


def test_nothing_of_a_text_or_an_erased_address_is_left_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    put(store, mail(1, "me@example.net"), mail(2))
    file = tmp_path / "mailover.db"
    store.close()
    assert content_of(1) in file.read_bytes()
    settle(store, *(fared(mail(n), Fate.DELIVERED) for n in (1, 2)))
    store.mail.erase("me@example.net")
    store.close()
    left = file.read_bytes()
    assert content_of(1) not in left
    assert content_of(2) not in left
    assert b"me@example.net" not in left
    assert b"user2@example.net" in left


def test_nothing_of_a_text_stays_in_the_write_ahead_log_of_a_running_relay(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    log = tmp_path / "mailover.db-wal"
    mine = mail(1, "me@example.net")
    put(store, mine, mail(2))
    settle(store, fared(mine, Fate.DELIVERED), fared(mail(2), Fate.DELIVERED))
    assert content_of(2) in log.read_bytes()
    with store._database.reading() as reader:
        reader.execute(sa.select(mails)).all()
        assert not store.mail.tidy(at(200), KEEP, USUAL)
        assert store.mail.depths()["transactional"].queued == 0
    assert not store.mail.tidy(at(200), KEEP, USUAL)
    assert log.read_bytes() == b""
    store.mail.erase("me@example.net")
    assert log.read_bytes() == b""
    assert b"me@example.net" not in (tmp_path / "mailover.db").read_bytes()
    queue(store, mail(3))
    assert ids(lease(store)) == ["msg_000003"]
    store.close()


def test_no_log_has_a_text_or_an_address(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    queue(store, mail(1, "me@example.net"), mail(2, "me@example.net"))
    with store._database.writing() as connection:
        connection.execute(
            sa.update(mails).where(mails.c.id == "msg_000001").values(body='{"sender": "me@example.net"}')
        )
    with pytest.raises(StorageError) as refused:
        put(store, mail(3), mail(2, "me@example.net", accepted_at=at(2 * DAY)))
    lease(store)
    store.mail.erase("me@example.net")
    assert "me@example.net" not in caplog.text + str(refused.value)


# -- suppressions -----------------------------------------------------------------------------------------------------


def suppression(address: str, reason: str = "bounce", **more: object) -> Suppression:
    return Suppression(address=address, reason=reason, provider="ses", stream="transactional", at=at(1), **more)


def test_the_first_reason_stays_and_addresses_are_of_any_case(store: SqlStore) -> None:
    store.mail.suppress(
        [suppression("Me@Example.net", text="550 no such user"), suppression("me@example.net", "later")]
    )
    store.mail.suppress([suppression("me@example.net", "complaint"), suppression("you@example.net")])
    kept = suppression("me@example.net", text="550 no such user")
    assert store.mail.suppressed(["ME@example.net", "other@example.net", "\0"]) == {"me@example.net": kept}
    assert store.mail.suppressed([]) == {}


def test_what_providers_told_is_learnt_once_and_told_anew_after_a_week(store: SqlStore) -> None:
    told = {f"ses/{n}": suppression(f"{n}@example.net") for n in range(1200)}
    assert store.mail.learn(told, at(0)) == told.keys()
    more = {"ses/7": suppression("7@example.net", "complaint"), "ses/new": suppression("new@example.net")}
    assert store.mail.learn(more, at(6 * DAY)) == {"ses/new"}
    assert store.mail.suppressed(["7@example.net"])["7@example.net"].reason == "bounce"
    for _ in range(2):
        assert store.mail.learn({}, at(7 * DAY)) == frozenset()
    assert rows(store, feedback_events) == [1]
    assert store.mail.learn(more, at(7 * DAY)) == {"ses/7"}


def test_what_was_told_under_a_clock_far_ahead_is_forgotten(store: SqlStore) -> None:
    told = {"ses/1": suppression("me@example.net")}
    store.mail.learn(told, at(400 * DAY))
    assert store.mail.learn(told, at(0)) == {"ses/1"}


def test_suppressions_are_paged_by_address(store: SqlStore) -> None:
    store.mail.suppress([suppression(f"{letter}@example.net") for letter in "cab"])
    first = store.mail.suppressions(limit=2)
    assert [each.address for each in first.items] == ["a@example.net", "b@example.net"]
    assert [each.address for each in store.mail.suppressions(after=first.next).items] == ["c@example.net"]
    assert store.mail.suppressions(after="a\0").items == ()


def test_an_address_may_be_taken_off_the_list(store: SqlStore) -> None:
    store.mail.suppress([suppression("me@example.net")])
    assert store.mail.unsuppress("ME@example.net")
    assert not store.mail.unsuppress("me@example.net")
    assert not store.mail.unsuppress("\0")


def test_a_foreign_text_is_kept_plain_and_what_is_no_address_is_passed_over(store: SqlStore) -> None:
    store.mail.suppress([suppression("me@example.net", text="a\0b\n" + "x" * 999), suppression("\0")])
    (kept,) = store.mail.suppressions().items
    assert kept.text.startswith("a b x")
    assert len(kept.text) == 300


def test_a_suppression_outlives_the_erasing_of_its_address(store: SqlStore) -> None:
    store.mail.suppress([suppression("me@example.net")])
    queue(store, mail(1, "me@example.net"))
    store.mail.erase("me@example.net")
    assert "me@example.net" in store.mail.suppressed(["me@example.net"])
    assert ids(lease(store)) == []
