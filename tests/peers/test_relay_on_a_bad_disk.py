"""A disk whose fsync fails (strace says so to SQLite): nobody is told 250 for what is not surely on it."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from intakes import taker
from intakes.house import ENVELOPE, MESSAGE, Wire

from mailover.storage.sql import open_store

pytestmark = pytest.mark.peer("strace")

MESSAGES = 60
FAILING = "inject=fdatasync,fsync:error=EIO:when=50..52"
"""Some while after the store was made."""


def test_what_a_failing_fsync_may_have_lost_was_not_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "mail.db"
    traced = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", "trace=fdatasync,fsync", "-e", FAILING]
    command = [*traced, sys.executable, taker.__file__, str(file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as it:
        assert it.stdout is not None
        replies = hand_over(int(it.stdout.readline()))
        os.killpg(it.pid, signal.SIGKILL)
        it.communicate()
    refused = [reply for reply in replies.values() if not reply.startswith("250 2.0.0 Ok")]
    assert (tmp_path / "calls").read_text(encoding="ascii").count("INJECTED") == 3
    assert 1 <= len(refused) <= 3
    assert set(refused) == {"451 4.3.0 Cannot keep the message now, try again later"}
    with closing(open_store(f"sqlite:///{file}")) as store:
        kept = {mail.message_id: mail.id for mail in store.mail.mails(limit=1000).items}
        assert {name for name, reply in replies.items() if reply.startswith("250")} <= set(kept)
        assert all(store.mail.content(mail_id) for mail_id in kept.values())


def hand_over(port: int) -> dict[str, str]:
    """Messages one after the other: the answer to each, by its name."""
    replies: dict[str, str] = {}
    with Wire(port) as wire:
        wire.hello()
        for n in range(MESSAGES):
            name = f"<{n}@app.test>"
            wire.say(ENVELOPE + b"DATA\r\n" + f"Message-ID: {name}\r\n".encode() + MESSAGE + b".\r\n")
            replies[name] = [wire.hear() for _ in range(4)][-1]
    return replies
