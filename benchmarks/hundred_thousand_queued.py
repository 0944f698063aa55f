"""A queue of 100,000 mails beside one of 1,000: start, memory, and how fast it is leased and settled.

`hundred_thousand_queued.py [MAILS] [URL]`; each figure is measured in a process of its own that opens the filled store.
Half of the mails are ready and half wait for a provider that comes back, as after an outage.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ground.figures import Verdict

from mailover.core.mail import Fate, Mail, Recipient, Settlement
from mailover.storage.sql import SqlStore, open_store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
CONTENT = b"Subject: a mail of 4 KiB\r\n\r\n".ljust(4096, b"x")
AT_ONCE = 50
PIECE = 500
DRAIN = 400
START_LIMIT, MEMORY_LIMIT = 3.0, 150.0


def mail(number: int) -> Mail:
    return Mail(
        id=f"msg_{number:012d}",
        stream="transactional" if number % 4 else "marketing",
        sender="app@example.com",
        recipients=(Recipient(address=f"user{number}@example.net"),),
        size=len(CONTENT),
        accepted_at=NOON + timedelta(milliseconds=number),
        priority=number % 2,
        by="app",
    )


def fill(store: SqlStore, many: int) -> None:
    for start in range(0, many, PIECE):
        piece = [mail(n) for n in range(start, min(start + PIECE, many))]
        store.mail.put([(m, CONTENT, m.id) for m in piece], holder="fill", until=NOON + LEASE)
        waits = [Settlement(mail=m.id, due_at=NOON + timedelta(days=1), waiting_for="ses") for m in piece[::2]]
        store.mail.settle(waits, holder="fill", now=NOON)
    store.mail.release(holder="fill")


def measure(url: str) -> Mapping[str, float]:
    """What a relay does first, and then what it does all the time."""
    began = time.perf_counter()
    store = open_store(url)
    queued = sum(each.queued for each in store.mail.depths().values())
    now = NOON + timedelta(hours=1)
    first = store.mail.lease(holder="us", now=now, until=now + LEASE, limit=AT_ONCE, most_bytes=10**7)
    started = time.perf_counter()
    settle(store, first, now)
    drained = _drain(store, now)
    asked = time.perf_counter()
    store.mail.depths()
    store.mail.next_due(now)
    depths = time.perf_counter() - asked
    hastened = time.perf_counter()
    steps = 1
    while store.mail.hasten(["ses"], now, PIECE) == PIECE:
        steps += 1
    step = (time.perf_counter() - hastened) / steps
    store.close()
    return {
        "queued": queued,
        "start_s": started - began,
        "drained_per_s": drained,
        "depths_ms": 1000 * depths,
        "hasten_step_ms": 1000 * step,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _drain(store: SqlStore, now: datetime) -> float:
    began = time.perf_counter()
    left = 0
    while left < DRAIN:
        taken = store.mail.lease(holder="us", now=now, until=now + LEASE, limit=AT_ONCE, most_bytes=10**7)
        settle(store, taken, now)
        left += len(taken)
    return left / (time.perf_counter() - began)


def settle(store: SqlStore, taken, now: datetime) -> None:  # noqa: ANN001 - leased mails
    gone = [
        Settlement(
            mail=each.mail.id,
            recipients=tuple(Recipient(address=r.address, fate=Fate.DELIVERED) for r in each.mail.recipients),
        )
        for each in taken
    ]
    store.mail.settle(gone, holder="us", now=now)


def figures(url: str, many: int) -> Mapping[str, float]:
    store = open_store(url)
    began = time.perf_counter()
    fill(store, many)
    filled = many / (time.perf_counter() - began)
    store.close()
    ran = subprocess.run([sys.executable, __file__, "--measure", url], check=True, capture_output=True, text=True)
    found: Mapping[str, float] = json.loads(ran.stdout)
    return {"filled_per_s": filled} | dict(found)


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    many = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with tempfile.TemporaryDirectory() as room:
        few = figures(f"sqlite:///{Path(room)}/few.db", 1000)
        lots = figures(sys.argv[2] if sys.argv[2:] else f"sqlite:///{Path(room)}/many.db", many)
    for name in few:
        print(f"{name:>16} {few[name]:12.1f} {lots[name]:12.1f}")
    verdict = Verdict()
    verdict.at_most("start", lots["start_s"], START_LIMIT, "s")
    verdict.at_most("memory", lots["memory_mib"], MEMORY_LIMIT, "MiB")
    verdict.at_least("drained beside 1,000", lots["drained_per_s"] / few["drained_per_s"], 1.0, "times as fast")
    verdict.end()


if __name__ == "__main__":
    main()
