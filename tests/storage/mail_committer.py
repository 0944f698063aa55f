"""A process whose sessions put mail and settle it without end, and that prints what was acknowledged until it ends.

Its leases end at once, so that what a session holds is taken by another, too, as after a crash.
"""

import asyncio
import secrets
import sys
from contextlib import suppress
from datetime import timedelta
from itertools import count

from mailover.clock import SystemClock
from mailover.core.mail import Fate, Leased, Mail, Recipient, Settlement
from mailover.errors import StorageError
from mailover.relay.writing import QueueWriter
from mailover.storage.sql import open_store

SESSIONS = 5


def tell(word: str, what: object) -> None:
    sys.stdout.write(f"{word} {what}\n")
    sys.stdout.flush()


def settlement(mail: Mail) -> Settlement:
    gone = tuple(Recipient(address=each.address, fate=Fate.DELIVERED, provider="ses") for each in mail.recipients)
    return Settlement(mail=mail.id, recipients=gone)


async def session(writer: QueueWriter, clock: SystemClock, name: str, rounds: int | None) -> None:
    for number in count() if rounds is None else range(rounds):
        content = f"Subject: {number}\r\n\r\n".encode() * 100
        mail = Mail(
            id=f"msg_{name}{number:06d}",
            stream="transactional",
            sender="a@example.com",
            recipients=(Recipient(address=f"{name}{number}@example.net"),),
            size=len(content),
            accepted_at=clock.now(),
            by="app",
        )
        with suppress(StorageError):
            tell("put", await writer.put(mail, content, mail.id))
            if number % 3:
                await writer.settle(settlement(mail))
                tell("settled", mail.id)


async def drain(writer: QueueWriter) -> None:
    while True:
        with suppress(StorageError):
            taken: tuple[Leased, ...] = await writer.lease(limit=3, most_bytes=10**6)
            for each in taken:
                await writer.settle(settlement(each.mail))
                tell("settled", each.mail.id)
        await asyncio.sleep(0.005)


async def go_on(url: str, rounds: int | None) -> None:
    store = open_store(url)
    clock = SystemClock()
    writer = QueueWriter(store.mail, holder=secrets.token_hex(4), lease=timedelta(milliseconds=1), clock=clock)
    writer.start()
    draining = asyncio.create_task(drain(writer))
    names = [secrets.token_hex(4) for _ in range(SESSIONS)]
    await asyncio.gather(*(session(writer, clock, name, rounds) for name in names))
    draining.cancel()
    await asyncio.wait([draining])
    await writer.stop()
    store.close()


def run(url: str, rounds: int | None = None) -> None:
    """So many mails in each session."""
    asyncio.run(go_on(url, rounds))


if __name__ == "__main__":
    run(sys.argv[1])
