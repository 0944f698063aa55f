"""Whole stories in which what is heard is not the providers' fault: our own network, and reporters that lie."""

from datetime import timedelta

import pytest

from core.trouble import minutes, refuses
from core.world import Reporter, World
from mailover.core.events import EventType
from mailover.core.observations import Failure, FailureKind, Stage

SEEDS = pytest.mark.parametrize("seed", range(2))
LIE_AT_PORT = Failure(kind=FailureKind.TIMEOUT, stage=Stage.CONNECT, text="timed out")
LIE_AT_SEND = Failure(kind=FailureKind.TRANSIENT, stage=Stage.END_DATA, code=451, text="451 lie", replied=True)
TWO_APPS = (Reporter(name="shop"), Reporter(name="crm"))


@SEEDS
def test_our_own_network_down_flips_nothing_and_says_so_once(seed: int) -> None:
    world = World(seed=seed, own_losses=((minutes(10), minutes(20), 1.0),), reporters=TWO_APPS).run(hours=1)
    assert world.flips == 0
    assert len(world.said(EventType.AGENT_BLIND)) == 1
    assert len(world.said(EventType.AGENT_SIGHTED)) == 1
    assert world.said(EventType.PROVIDER_OPENED) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("references", [(), ("r",)], ids=["alone", "with a reference"])
@pytest.mark.parametrize("seconds", [8, 14, 20, 26])
def test_a_short_gap_of_our_own_network_flips_nothing(seed: int, references: tuple[str, ...], seconds: float) -> None:
    gap = (minutes(10), minutes(10) + timedelta(seconds=seconds), 1.0)
    world = World(seed=seed, own_losses=(gap,), references=references).run(minutes=15)
    assert world.flips == 0


@SEEDS
@pytest.mark.parametrize("share", [0.03, 0.1])
def test_a_lossy_network_of_our_own_flips_nothing_where_references_tell(seed: int, share: float) -> None:
    lossy = ((minutes(0), minutes(75), share),)
    world = World(seed=seed, own_losses=lossy, references=("r1", "r2")).run(hours=1.25)
    assert world.wrong_flips == []


@SEEDS
def test_a_real_outage_on_a_lossy_network_is_still_found(seed: int) -> None:
    lossy = ((minutes(0), minutes(60), 0.1),)
    troubles = {"a": (refuses(since=minutes(20), until=minutes(50)),)}
    world = World(seed=seed, own_losses=lossy, references=("r1", "r2"), troubles=troubles).run(hours=1)
    assert world.failing_minutes < 2
    assert world.wrong_flips == []


@SEEDS
def test_a_single_liar_at_port_depth_is_contradicted_and_not_heard(seed: int) -> None:
    world = World(seed=seed, reporters=(Reporter(name="liar", lies=LIE_AT_PORT),)).run(hours=1)
    assert world.flips == 0
    assert world.said(EventType.PROVIDER_OPENED) == []
    assert world.probes < 1400


@SEEDS
@pytest.mark.parametrize("lie", [LIE_AT_PORT, LIE_AT_SEND], ids=["port", "send"])
def test_one_liar_among_three_moves_nothing(seed: int, lie: Failure) -> None:
    world = World(seed=seed, reporters=(*TWO_APPS, Reporter(name="liar", lies=lie))).run(minutes=40)
    assert world.flips == 0
    assert world.said(EventType.PROVIDER_OPENED) == []


@SEEDS
def test_a_single_liar_where_no_probe_looks_does_not_chase_the_flag_around(seed: int) -> None:
    """It cannot be told from an application whose mail everybody refuses; but the flag must come to rest."""
    world = World(seed=seed, reporters=(Reporter(name="liar", lies=LIE_AT_SEND),)).run(hours=4)
    late = [move for move in world.moves if move.at > minutes(120)]
    assert world.flips <= 40
    assert len(late) <= 20
