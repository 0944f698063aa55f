"""Killed and cut off from power, again and again: whatever was acknowledged is there, and nothing is half there."""

from pathlib import Path

from power import CUTS, KILLS, killed, lost_to_power, recorded

from mailover.storage.sql import open_store


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
    killed(url, "committer", KILLS, 30, missing)


def test_what_was_acknowledged_survives_a_power_loss_at_any_moment(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "FULL")
    assert sum(op[0] == "ack" for op in ops) >= 60
    assert {op[1] for op in ops if op[0] == "sync"} >= {"mailover.db", "mailover.db-wal"}
    assert [lost for lost in lost_to_power(ops, tmp_path, CUTS, missing) if lost] == []


def test_this_simulation_sees_what_less_syncing_loses(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "NORMAL")
    assert len([lost for lost in lost_to_power(ops, tmp_path, 40, missing) if lost]) > 5
