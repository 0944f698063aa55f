"""Killed and cut off from power, again and again: whatever was acknowledged is there, and nothing is half there."""

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

from mailover.storage.sql import open_store

HERE = Path(__file__).parent
KILLS = int(os.environ.get("MAILOVER_TEST_KILLS", "8"))
CUTS = int(os.environ.get("MAILOVER_TEST_CUTS", "120"))
SECTOR = 512
Op = tuple[str, str, int, bytes]


def missing(url: str, acknowledged: list[str]) -> set[str]:
    """The acknowledgements that the store does not keep, and every half of a pair that lacks its other half."""
    store = open_store(url)
    fleet = store.load()
    backlog = {each.endpoint: each.pending for each in store.backlogs()}
    with store._database.reading() as connection:
        events = list(connection.exec_driver_sql("SELECT id FROM events").scalars())
        rows = connection.exec_driver_sql("SELECT event_id, state FROM outbox").all()
    store.close()
    there = {f"committed {event_id}" for event_id in events} | {
        f"delivered {e}" for e, state in rows if state == "delivered"
    }
    lost = set(acknowledged) - there
    if sorted(events) != sorted(row[0] for row in rows):
        lost.add("events and alerts are not the same set")
    if (fleet.version if fleet is not None else 1) != len(events) + 1:
        lost.add("the fleet and its events are not of one moment")
    if sum(backlog.values()) != sum(state == "pending" for _, state in rows):
        lost.add("the backlog is not what waits")
    return lost


def test_what_was_acknowledged_survives_many_kills(url: str) -> None:
    dice = random.Random(9)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, str(HERE / "committer.py"), url], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline().strip() for _ in range(dice.randrange(1, 30))]
            process.kill()
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        assert missing(url, acknowledged) == set()
    assert len(acknowledged) > KILLS


def recorded(tmp_path: Path, synchronous: str) -> list[Op]:
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
            "40",
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
    synced = {name: place for place, (kind, name, _, _) in enumerate(ops) if kind == "sync"}
    luck = dice.choice((0.0, 0.5, 1.0))
    files: dict[str, bytearray] = {}
    for place, (kind, name, offset, data) in enumerate(ops):
        durable = place <= synced.get(name, -1)
        if kind in {"ack", "sync"} or not (durable or dice.random() < luck):
            continue
        content = files.setdefault(name, bytearray())
        if kind == "truncate":
            del content[offset:]
            continue
        torn = data if durable or dice.random() < 0.7 else data[: SECTOR * dice.randrange(len(data) // SECTOR + 1)]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(torn)] = torn
    return files


def lost_to_power(ops: list[Op], tmp_path: Path, cuts: int) -> list[set[str]]:
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


def test_what_was_acknowledged_survives_a_power_loss_at_any_moment(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "FULL")
    assert sum(op[0] == "ack" for op in ops) >= 60
    assert {op[1] for op in ops if op[0] == "sync"} >= {"mailover.db", "mailover.db-wal"}
    assert [lost for lost in lost_to_power(ops, tmp_path, CUTS) if lost] == []


def test_this_simulation_sees_what_less_syncing_loses(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "NORMAL")
    assert len([lost for lost in lost_to_power(ops, tmp_path, 40) if lost]) > 5
