"""Killed and cut off from power: mail that was acknowledged is there, mail that was settled is not sent again."""

from pathlib import Path

import sqlalchemy as sa
from power import CUTS, KILLS, killed, lost_to_power, recorded

from mailover.storage.mail_states import SETTLED
from mailover.storage.sql import open_store
from mailover.storage.tables import mail_addresses, mail_contents, mails


def missing(url: str, acknowledged: list[str]) -> set[str]:
    """What was acknowledged and is not so, and every mail that is only half there."""
    store = open_store(url)
    depths = store.mail.depths()
    with store._database.reading() as connection:
        rows = connection.execute(sa.select(mails.c.id, mails.c.seq, mails.c.state, mails.c.size)).all()
        contents = dict(
            connection.execute(sa.select(mail_contents.c.seq, sa.func.length(mail_contents.c.content))).all()
        )
        addresses = set(connection.execute(sa.select(mail_addresses.c.mail)).scalars())
    store.close()
    queued = {row.id: row for row in rows if row.state != SETTLED}
    there = {f"put {row.id}" for row in rows} | {f"settled {row.id}" for row in rows if row.state == SETTLED}
    lost = set(acknowledged) - there
    if {row.seq: row.size for row in queued.values()} != contents:
        lost.add("the contents are not those of the mails that are queued")
    if addresses != {row.seq for row in rows}:
        lost.add("the addresses are not those of the mails")
    if sum(each.queued for each in depths.values()) != len(queued):
        lost.add("the depths are not what is queued")
    return lost


def test_mail_that_was_acknowledged_survives_many_kills(url: str) -> None:
    acknowledged = killed(url, "mail_committer", KILLS // 2, 120, missing)
    assert any(each.startswith("settled") for each in acknowledged)


def test_relays_that_share_a_store_are_killed_at_any_moment_and_nothing_is_lost(url: str) -> None:
    acknowledged = killed(url, "mail_committer", KILLS // 4, 60, missing, together=3)
    assert any(each.startswith("settled") for each in acknowledged)


def test_mail_that_was_acknowledged_survives_a_power_loss_at_any_moment(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "FULL", "mail_committer", 12)
    assert sum(op[0] == "ack" for op in ops) >= 100
    assert [lost for lost in lost_to_power(ops, tmp_path, CUTS // 2, missing) if lost] == []


def test_a_sync_that_fails_is_told_and_what_was_told_as_kept_survives(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "FULL", "mail_committer", 20, bad=23)
    assert sum(op[0] == "lost" for op in ops) >= 3
    assert sum(op[0] == "ack" for op in ops) >= 50
    assert [lost for lost in lost_to_power(ops, tmp_path, CUTS // 2, missing) if lost] == []


def test_with_less_syncing_this_simulation_sees_mail_lost(tmp_path: Path) -> None:
    ops = recorded(tmp_path, "NORMAL", "mail_committer", 12)
    assert len([lost for lost in lost_to_power(ops, tmp_path, 20, missing) if lost]) > 3
