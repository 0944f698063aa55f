"""kill -9 while many hand over mail: whatever was acknowledged is there, and nothing of it twice."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from intakes import taker
from intakes.house import ENVELOPE, MESSAGE, Wire

from mailover.storage.sql import open_store

KILLS = 2
SESSIONS = 6
BEFORE_THE_KILL = 40


def test_what_was_acknowledged_outlives_every_kill(tmp_path: Path) -> None:
    file = tmp_path / "mail.db"
    acknowledged: dict[str, str] = {}
    sent: set[str] = set()
    for kill in range(KILLS):
        with subprocess.Popen(
            [sys.executable, taker.__file__, str(file)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            enough = threading.Semaphore(0)
            with ThreadPoolExecutor(SESSIONS) as pool:
                sessions = [pool.submit(hand_over, port, f"{kill}.{n}", sent, enough) for n in range(SESSIONS)]
                for _ in range(BEFORE_THE_KILL):
                    assert enough.acquire(timeout=60)
                process.kill()
                for session in sessions:
                    acknowledged |= session.result()
    with closing(open_store(f"sqlite:///{file}")) as store:
        kept = {mail.message_id: mail.id for mail in store.mail.mails(limit=10_000).items}
        assert len(acknowledged) >= KILLS * BEFORE_THE_KILL
        assert {name: kept.get(name) for name in acknowledged} == acknowledged
        assert set(kept) <= sent
        assert all(store.mail.content(mail_id) for mail_id in kept.values())
        assert store.mail.depths()["mail"].queued == len(kept)


def hand_over(port: int, session: str, sent: set[str], enough: threading.Semaphore) -> dict[str, str]:
    """Message after message until the server is gone: names of those acknowledged, and their ids."""
    acknowledged: dict[str, str] = {}
    with Wire(port) as wire:
        wire.hello()
        for n in range(100_000):
            name = f"<{session}.{n}@app.test>"
            sent.add(name)
            try:
                wire.say(ENVELOPE + b"DATA\r\n" + f"Message-ID: {name}\r\n".encode() + MESSAGE + b".\r\n")
            except ConnectionError:
                break
            replies = [wire.hear() for _ in range(4)]
            if not replies[-1].startswith("250 2.0.0 Ok"):
                break
            acknowledged[name] = replies[-1].rpartition(" ")[2]
            enough.release()
    return acknowledged
