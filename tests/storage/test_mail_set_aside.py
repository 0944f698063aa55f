"""Mail that cannot be read, on both databases: it stops nobody, and nothing of it is deleted."""

import base64
from dataclasses import replace

import pytest
import sqlalchemy as sa
from letters import content_of, fared, fates, ids, lease, mail, put, queue, settle
from samples import at

from mailover.core.mail import Fate
from mailover.errors import StorageError
from mailover.secrets import Secret
from mailover.storage.sealing import Seal, UnknownKeyError
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.tables import mail_contents, mails

OLD, NEW = (Secret(base64.b64encode(bytes([n]) * 32).decode()) for n in (1, 2))


def damage(store: SqlStore, table: sa.Table, **values: object) -> None:
    """Of the first mail."""
    first = sa.select(sa.func.min(mails.c.seq)).scalar_subquery()
    with store._database.writing() as connection:
        connection.execute(sa.update(table).where(table.c.seq == first).values(**values))


@pytest.mark.parametrize("body", ["", "{", '{"id": 1}', "null", "[" * 100])
def test_a_half_written_record_is_set_aside_and_the_others_go_on(
    store: SqlStore, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue(store, mail(1), mail(2))
    damage(store, mails, body=body)
    assert ids(lease(store)) == ["msg_000002"]
    assert "msg_000001 is set aside as failed" in caplog.text
    assert lease(store, 10**6, without=["transactional"]) == []
    (shown,) = store.mail.mails(fate=Fate.FAILED).items
    assert (shown.id, shown.because) == ("msg_000001", "its record in the queue is damaged and cannot be read")
    assert store.mail.depths()["transactional"].failed == 1
    assert store.mail.content("msg_000001") == content_of(1)
    settle(store, fared(mail(1), Fate.DELIVERED))
    assert store.mail.drop(["msg_000001"], at(200)) == 1
    assert store.mail.depths()["transactional"].failed == 0


@pytest.mark.parametrize("content", [b"", b"Subj"])
def test_a_truncated_content_is_set_aside_and_kept(store: SqlStore, content: bytes) -> None:
    queue(store, mail(1), mail(2))
    damage(store, mail_contents, content=content)
    assert ids(lease(store)) == ["msg_000002"]
    assert fates(store) == [Fate.FAILED]
    assert store.mail.content("msg_000001") == content


def test_a_mail_whose_content_is_lost_is_a_dead_letter(store: SqlStore) -> None:
    queue(store, mail(1), mail(2))
    with store._database.writing() as connection:
        connection.execute(sa.delete(mail_contents).where(mail_contents.c.seq.in_(sa.select(sa.func.min(mails.c.seq)))))
    assert ids(lease(store)) == ["msg_000002"]
    found = store.mail.mail("msg_000001")
    assert found is not None
    assert found.because == "its content is lost"


def sealed(url: str, *keys: Secret) -> SqlStore:
    return open_store(url, Seal(keys))


def test_contents_are_sealed_at_rest_and_opened_for_the_relay(url: str) -> None:
    store = sealed(url, NEW)
    queue(store, mail(1))
    with store._database.reading() as connection:
        kept = connection.execute(sa.select(mail_contents.c.content)).scalar_one()
    assert b"Hello" not in bytes(kept)
    assert store.mail.content("msg_000001") == content_of(1)
    assert [each.content for each in lease(store)] == [content_of(1)]
    store.close()


def test_a_new_key_seals_and_the_old_one_still_opens(url: str) -> None:
    store = sealed(url, OLD)
    queue(store, mail(1))
    store.close()
    store = sealed(url, NEW, OLD)
    queue(store, mail(2))
    store.close()
    store = sealed(url, NEW)
    assert store.mail.content("msg_000002") == content_of(2)
    with pytest.raises(UnknownKeyError):
        store.mail.content("msg_000001")
    store.close()


def test_what_was_kept_before_there_was_a_key_is_readable(url: str) -> None:
    store = open_store(url)
    queue(store, mail(1))
    store.close()
    store = sealed(url, NEW)
    assert [each.content for each in lease(store)] == [content_of(1)]
    store.close()


def test_mail_whose_key_is_missing_waits_for_it_and_is_said(url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = sealed(url, OLD)
    queue(store, mail(1))
    put(store, mail(2))
    store.close()
    store = sealed(url, NEW)
    queue(store, mail(3))
    assert ids(lease(store, 10)) == ["msg_000003"]
    assert "msg_000001 waits: its content is sealed with the key" in caplog.text
    assert lease(store, 11) == []
    assert store.mail.next_due(at(11)) > at(11)
    found = store.mail.mail("msg_000001")
    assert found is not None
    assert "not among relay.encryption_key" in found.because
    assert fates(store) == [Fate.QUEUED]
    store.close()
    store = sealed(url, NEW, OLD)
    assert [each.content for each in lease(store, 12)] == [content_of(1)]
    store.close()


def test_keys_may_change_while_it_runs(url: str) -> None:
    store = sealed(url, OLD)
    queue(store, mail(1))
    store.mail.reseal(Seal([NEW]))
    assert lease(store, 10) == []
    store.mail.reseal(Seal([NEW, OLD]))
    assert ids(lease(store, 11)) == ["msg_000001"]
    store.close()


def test_a_sealed_content_that_was_changed_or_is_another_mails_is_set_aside(url: str) -> None:
    store = sealed(url, NEW)
    queue(store, mail(1), mail(2))
    with store._database.writing() as connection:
        first, second = connection.execute(sa.select(mail_contents).order_by(mail_contents.c.seq)).all()
        connection.execute(
            sa.update(mail_contents).where(mail_contents.c.seq == first.seq).values(content=second.content)
        )
    assert ids(lease(store)) == ["msg_000002"]
    with pytest.raises(StorageError, match="damaged"):
        store.mail.content("msg_000001")
    store.close()


def test_the_whole_life_of_a_sealed_mail(url: str) -> None:
    store = sealed(url, NEW)
    put(store, mail(1))
    settle(store, fared(mail(1), Fate.FAILED))
    assert store.mail.retry(["msg_000001"], at(200)) == 1
    (again,) = lease(store, 200)
    assert again.content == content_of(1)
    settle(store, replace(fared(again.mail, Fate.DELIVERED)))
    assert store.mail.content("msg_000001") is None
    store.close()
