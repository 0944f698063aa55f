"""Killing a process, and cutting its power: one that commits is killed, or recorded beneath SQLite and its disk shown
as it may be found afterwards. What a store then lacks is for the tests to say."""

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KILLS = int(os.environ.get("MAILOVER_TEST_KILLS", "8"))
CUTS = int(os.environ.get("MAILOVER_TEST_CUTS", "120"))
SECTOR = 512
Op = tuple[str, str, int, bytes]
Missing = Callable[[str, list[str]], set[str]]
"""What a store at this URL lacks of these acknowledgements."""


def killed(url: str, program: str, kills: int, most: int, missing: Missing, *, together: int = 1) -> list[str]:
    """What was acknowledged over so many kills, each after at most so many; nothing of it is missing after any.

    `together`: so many processes share the store, and are killed one after the other while the rest goes on.
    """
    dice = random.Random(11)
    acknowledged: list[str] = []
    for _ in range(kills):
        with ExitStack() as stack:
            started = [stack.enter_context(_committing(url, program)) for _ in range(together)]
            for process in started:
                assert process.stdout is not None
                acknowledged += [process.stdout.readline().strip() for _ in range(dice.randrange(1, most))]
                process.kill()
                acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        lost = missing(url, acknowledged)
        assert not lost, lost
    assert len(acknowledged) > kills
    return acknowledged


def _committing(url: str, program: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, str(HERE / f"{program}.py"), url], stdout=subprocess.PIPE, text=True)


def recorded(
    tmp_path: Path, synchronous: str, program: str = "committer", rounds: int = 40, *, bad: int = 0
) -> list[Op]:
    """Every write, sync and acknowledgement of a process that commits."""
    live = tmp_path / "live"
    live.mkdir()
    ran = subprocess.run(
        [
            sys.executable,
            str(HERE / "recorder.py"),
            f"sqlite:///{live}/mailover.db",
            str(tmp_path / "ops"),
            synchronous,
            str(rounds),
            program,
            str(bad),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if "built into this Python" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    assert ran.returncode == 0, ran.stderr
    ops: list[Op] = pickle.loads((tmp_path / "ops").read_bytes())
    return ops


def disk_after(ops: list[Op], dice: random.Random) -> dict[str, bytearray]:
    """The files as a disk may show them when the power went after the last of these operations.

    What was synced is there. Of what came after the last sync, each write is there, or not, or in part, in any order.
    """
    synced = safe(ops)
    luck = dice.choice((0.0, 0.5, 1.0))
    files: dict[str, bytearray] = {}
    for place, (kind, name, offset, data) in enumerate(ops):
        durable = place in synced
        if kind in {"ack", "sync", "lost"} or not (durable or dice.random() < luck):
            continue
        content = files.setdefault(name, bytearray())
        if kind == "truncate":
            del content[offset:]
            continue
        torn = data if durable or dice.random() < 0.7 else data[: SECTOR * dice.randrange(len(data) // SECTOR + 1)]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(torn)] = torn
    return files


def safe(ops: list[Op]) -> set[int]:
    """The places of what was synced. After a sync that failed what came before it never will be, as Linux does it."""
    synced: set[int] = set()
    waiting: dict[str, list[int]] = {}
    for place, (kind, name, _, _) in enumerate(ops):
        if kind in {"write", "truncate"}:
            waiting.setdefault(name, []).append(place)
        elif kind in {"sync", "lost"}:
            written = waiting.pop(name, [])
            synced.update(written if kind == "sync" else ())
    return synced


def lost_to_power(ops: list[Op], tmp_path: Path, cuts: int, missing: Missing) -> list[set[str]]:
    """Cut the power at so many points; what each lost."""
    dice = random.Random(5)
    first = next(place for place, op in enumerate(ops) if op[0] == "ack")
    losses = []
    for cut in range(cuts):
        place = dice.randrange(first, len(ops) + 1)
        directory = tmp_path / f"cut{cut}"
        directory.mkdir()
        for name, content in disk_after(ops[:place], dice).items():
            if name in {"mailover.db", "mailover.db-wal"}:  # the journal of the file's first moment is deleted by now
                (directory / name).write_bytes(content)
        acknowledged = [name for kind, name, _, _ in ops[:place] if kind == "ack"]
        losses.append(missing(f"sqlite:///{directory}/mailover.db", acknowledged))
    return losses
