"""Mail as the relay would keep it, in as few words as the tests need."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from samples import at

from mailover.core.mail import Fate, Leased, Mail, Recipient, Settlement
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.storage.sql import SqlStore

US, OTHERS = "relay-1", "relay-2"
LEASE = timedelta(seconds=60)
SOON = at(0) + LEASE
NO = Failure(kind=FailureKind.RECIPIENT, stage=Stage.RCPT, code=550, text="no such user", replied=True)


def content_of(number: int) -> bytes:
    return f"Subject: number {number}\r\n\r\nHello {number}\r\n".encode()


def mail(number: int, *addresses: str, **more: object) -> Mail:
    known = {
        "id": f"msg_{number:06d}",
        "stream": "transactional",
        "sender": "app@example.com",
        "recipients": tuple(Recipient(address=a) for a in addresses or (f"user{number}@example.net",)),
        "size": len(content_of(number)),
        "accepted_at": at(number),
        "by": "app",
        "message_id": f"<{number}@example.com>",
    }
    return Mail(**(known | more))


def put(store: SqlStore, *mails: Mail, holder: str = US, until: datetime = SOON) -> None:
    """As the intake does it: held by whoever accepted it."""
    store.mail.put([(m, content_of(int(m.id[4:])), m.id) for m in mails], holder=holder, until=until)


def queue(store: SqlStore, *mails: Mail) -> None:
    """Held by nobody."""
    put(store, *mails, holder="nobody")
    store.mail.release(holder="nobody")


def lease(store: SqlStore, second: float = 100, *, holder: str = US, **more: object) -> list[Leased]:
    wanted = {"limit": 100, "most_bytes": 10**6} | more
    return list(store.mail.lease(holder=holder, now=at(second), until=at(second) + LEASE, **wanted))


def ids(leased: Sequence[Leased]) -> list[str]:
    return [each.mail.id for each in leased]


def fared(m: Mail, *fates: Fate, **more: object) -> Settlement:
    """What became of a mail's recipients, in order."""
    changed = tuple(
        replace(
            each,
            fate=fate,
            attempts=each.attempts + 1,
            provider="postmark",
            failure=NO if fate in {Fate.FAILED, Fate.QUEUED} else None,
            settled_at=at(101) if fate.settled else None,
        )
        for each, fate in zip(m.recipients, fates, strict=False)
    )
    return Settlement(mail=m.id, recipients=changed, **more)


def settle(store: SqlStore, *settlements: Settlement, holder: str = US, second: float = 101) -> None:
    store.mail.settle(settlements, holder=holder, now=at(second))


def fates(store: SqlStore, number: int = 1) -> list[Fate]:
    found = store.mail.mail(f"msg_{number:06d}")
    assert found is not None
    return [each.fate for each in found.recipients]
