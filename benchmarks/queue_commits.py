"""How many mails of 4 KiB a second are put durably and settled, by 1, 10 and 50 sessions at once.

`queue_commits.py [MAILS] [URL]`; the last line is sealed. What the disk alone takes is said beside it.
"""

import asyncio
import base64
import os
import secrets
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from ground.figures import Verdict

from mailover.clock import SystemClock
from mailover.core.mail import Fate, Mail, Recipient, Settlement
from mailover.relay.writing import QueueWriter
from mailover.secrets import Secret
from mailover.storage.sealing import Seal
from mailover.storage.sql import open_store

CONTENT = os.urandom(4096)
MAILS = 5000
SYNCS = 200
GOAL = 2000
"""Mails a second, durable: twice what Postfix 3.7 accepts and delivers on the same two cores, and as much again."""
GROUPED = 4


async def sessions(url: str, number: int, mails: int, seal: Seal) -> float:
    store = open_store(url, seal)
    clock = SystemClock()
    writer = QueueWriter(store.mail, holder=secrets.token_hex(4), lease=timedelta(seconds=60), clock=clock)
    writer.start()
    waits: list[float] = []
    settling: set[asyncio.Task[None]] = set()

    async def session(name: str) -> None:
        for n in range(mails // number):
            mail = Mail(
                id=f"msg_{time.time_ns():020d}{name}",
                stream="transactional",
                sender="app@example.com",
                recipients=(Recipient(address=f"{name}{n}@example.net"),),
                size=len(CONTENT),
                accepted_at=clock.now(),
                by="app",
            )
            began = time.perf_counter()
            await writer.put(mail, CONTENT, mail.id)
            waits.append(time.perf_counter() - began)
            gone = tuple(Recipient(address=each.address, fate=Fate.DELIVERED) for each in mail.recipients)
            task = asyncio.create_task(writer.settle(Settlement(mail=mail.id, recipients=gone)))
            settling.add(task)
            task.add_done_callback(settling.discard)

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(session(secrets.token_hex(4)) for _ in range(number)))
    await asyncio.gather(*settling)
    took, cpu = time.perf_counter() - began, time.process_time() - used
    await writer.stop()
    store.close()
    waits.sort()
    print(
        f"  {len(waits) / took:.0f} mails/s put and settled, {1e6 * cpu / len(waits):.0f} us CPU each; "
        f"a put takes {1000 * waits[len(waits) // 2]:.1f} ms, p99 {1000 * waits[len(waits) * 99 // 100]:.1f} ms"
    )
    return len(waits) / took


def synced(room: Path) -> float:
    """Seconds for 64 KiB to be written and synced: a file, nothing else."""
    file = os.open(room / "disk", os.O_CREAT | os.O_RDWR)
    times = []
    for n in range(SYNCS):
        began = time.perf_counter()
        os.pwrite(file, CONTENT * 16, n * 16 * len(CONTENT))
        os.fdatasync(file)
        times.append(time.perf_counter() - began)
    os.close(file)
    return sum(times) / SYNCS


def main() -> None:
    mails = int(sys.argv[1]) if sys.argv[1:] else MAILS
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as room:
        url = sys.argv[2] if sys.argv[2:] else f"sqlite:///{room}/mailover.db"
        print(f"the disk: 64 KiB are written and synced in {1000 * synced(Path(room)):.2f} ms on average")
        one = asyncio.run(sessions(url, 1, mails // 5, Seal()))
        ten = asyncio.run(sessions(url, 10, mails, Seal()))
        verdict.at_least("10 sessions", ten, GOAL, "mails/s")
        verdict.at_least("10 sessions beside one", ten / one, GROUPED, "times as many")
        asyncio.run(sessions(url, 50, mails, Seal()))
        key = Secret(base64.b64encode(secrets.token_bytes(32)).decode())
        verdict.at_least("10 sessions, sealed", asyncio.run(sessions(url, 10, mails, Seal([key]))), GOAL, "mails/s")
    verdict.end()


if __name__ == "__main__":
    main()
