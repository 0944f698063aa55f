"""Whole stories of providers that break, and what mail had to suffer. Bounds are per seed."""

from datetime import timedelta

import pytest

from core.trouble import (
    Trouble,
    bad_login,
    breaks_after_data,
    brown_out,
    flaps,
    loses,
    minutes,
    refuses,
    refuses_recipients,
    silent,
    slow_bad_login,
)
from core.world import Reporter, World, policy_of
from mailover.core.events import EventType

SEEDS = pytest.mark.parametrize("seed", range(3))
HALF_AN_HOUR = {"since": minutes(10), "until": minutes(40)}
AN_HOUR = {"since": minutes(10), "until": minutes(70)}
THREE_HOURS = {"since": minutes(10), "until": minutes(190)}
TWO_APPS = (Reporter(name="shop"), Reporter(name="crm"))


def logins_within(world: World, span: timedelta) -> int:
    """The most refused logins within any span of this length."""
    logins = world.refused_logins
    return max((sum(first <= other < first + span for other in logins) for first in logins), default=0)


@SEEDS
def test_a_quiet_day_has_no_flip_and_no_alert(seed: int) -> None:
    world = World(seed=seed, references=("r",), reporters=(Reporter(name="shop", every=minutes(1)),)).run(hours=3)
    assert (world.flips, world.failing_minutes) == (0, 0)
    assert {event.type for event in world.events} == {EventType.AGENT_STARTED}


@SEEDS
@pytest.mark.parametrize(
    ("trouble", "limit"),
    [(refuses(**HALF_AN_HOUR), 0.5), (silent(**HALF_AN_HOUR), 0.75), (bad_login(**HALF_AN_HOUR), 1.5)],
    ids=["refuse", "silence", "535"],
)
def test_a_clean_outage_costs_seconds_and_two_flips(seed: int, trouble: Trouble, limit: float) -> None:
    world = World(seed=seed, troubles={"a": (trouble,)}).run(hours=2)
    assert world.failing_minutes < limit
    assert world.wrong_flips == []
    assert [(move.source, move.target) for move in world.moves] == [("a", "b"), ("b", "a")]


@SEEDS
@pytest.mark.parametrize(("trouble", "limit"), [(refuses(**HALF_AN_HOUR), 0.1), (silent(**HALF_AN_HOUR), 0.3)])
def test_reports_make_it_quicker_still(seed: int, trouble: Trouble, limit: float) -> None:
    world = World(seed=seed, troubles={"a": (trouble,)}, reporters=TWO_APPS).run(hours=1)
    assert world.failing_minutes < limit
    assert world.wrong_flips == []


@SEEDS
@pytest.mark.parametrize("trouble", [bad_login, slow_bad_login], ids=["535", "slow 535"])
def test_refused_logins_are_at_most_three_in_ten_minutes(seed: int, trouble: type) -> None:
    world = World(seed=seed, troubles={"a": (trouble(**AN_HOUR),)}).run(hours=1.25)
    assert logins_within(world, minutes(10)) <= 3
    assert len(world.refused_logins) <= 6
    assert world.wrong_flips == []


@SEEDS
def test_an_outage_that_comes_back_with_another_password_locks_no_account(seed: int) -> None:
    troubles = (refuses(**HALF_AN_HOUR), bad_login(since=minutes(40), until=minutes(100)))
    world = World(seed=seed, troubles={"a": troubles}, reporters=TWO_APPS).run(hours=3)
    assert logins_within(world, minutes(10)) <= 3
    assert world.wrong_flips == []


@SEEDS
def test_a_brown_out_of_thirty_percent(seed: int) -> None:
    world = World(seed=seed, troubles={"a": (brown_out(0.3, **AN_HOUR),)}).run(hours=2)
    assert world.failing_minutes < 4
    assert world.wrong_flips == []
    assert world.flips <= 2


@SEEDS
def test_a_brown_out_of_five_percent(seed: int) -> None:
    world = World(seed=seed, troubles={"a": (brown_out(0.05, **THREE_HOURS),)}).run(hours=4)
    assert world.failing_minutes < 9
    assert world.wrong_flips == []
    assert world.flips <= 4


@SEEDS
@pytest.mark.parametrize("period", [40, 150, 420])
def test_a_flapping_provider_is_trusted_ever_later(seed: int, period: float) -> None:
    trouble = flaps(timedelta(seconds=period), **THREE_HOURS)
    world = World(seed=seed, troubles={"a": (trouble,)}).run(hours=4)
    assert world.flips <= 6
    assert world.failing_minutes < 2
    assert world.wrong_flips == []


@SEEDS
def test_relapses_double_the_hold(seed: int) -> None:
    outages = tuple(refuses(since=minutes(10 + 30 * n), until=minutes(25 + 30 * n)) for n in range(6))
    world = World(seed=seed, troubles={"a": outages}).run(hours=7)
    assert world.flips <= 6
    assert world.failing_minutes < 1.5
    assert world.wrong_flips == []
    assert world.flag.provider == "a"


@SEEDS
def test_two_of_three_fall_one_after_the_other(seed: int) -> None:
    troubles = {"a": (refuses(since=minutes(11), until=minutes(40)),), "b": (silent(**HALF_AN_HOUR),)}
    world = World(seed=seed, troubles=troubles).run(hours=2)
    assert world.failing_minutes < 0.75
    assert world.wrong_flips == []
    assert world.flips <= 3


@SEEDS
def test_two_of_three_fall_at_the_same_instant(seed: int) -> None:
    """The second is only met once the first has been left: nobody could know."""
    troubles = {"a": (refuses(**HALF_AN_HOUR),), "b": (silent(**HALF_AN_HOUR),)}
    world = World(seed=seed, troubles=troubles).run(hours=2)
    assert world.failing_minutes < 0.75
    assert len(world.wrong_flips) <= 1
    assert world.flips <= 4


@SEEDS
def test_all_are_down_while_our_network_is_fine(seed: int) -> None:
    troubles = {name: (refuses(**HALF_AN_HOUR),) for name in "abc"}
    world = World(seed=seed, troubles=troubles, references=("r1", "r2")).run(hours=2)
    assert world.failing_minutes < 30.5
    assert world.flips <= 4
    assert len(world.said(EventType.STREAM_EXHAUSTED)) == 1
    assert len(world.said(EventType.STREAM_RECOVERED)) == 1
    assert world.said(EventType.AGENT_BLIND) == []
    assert world.flag.provider == "a"


@SEEDS
def test_whoever_comes_back_first_takes_the_flag(seed: int) -> None:
    troubles = {name: (refuses(since=minutes(10), until=minutes(70)),) for name in "ab"}
    troubles["c"] = (refuses(since=minutes(10), until=minutes(30)),)
    world = World(seed=seed, troubles=troubles, references=("r",)).run(hours=1)
    assert world.failing_minutes < 21.5
    assert world.flag.provider == "c"


@SEEDS
def test_bad_recipients_move_nothing(seed: int) -> None:
    world = World(seed=seed, troubles={"a": (refuses_recipients(0.2),)}, reporters=TWO_APPS).run(hours=2)
    assert world.flips == 0
    assert {event.type for event in world.events} == {EventType.AGENT_STARTED}


@SEEDS
def test_a_provider_that_accepts_and_loses_is_found_by_the_round_trips(seed: int) -> None:
    """One round trip every half an hour, and three minutes until three are missing."""
    world = World(seed=seed, policy=policy_of(round_trip=True), troubles={"a": (loses(**THREE_HOURS),)}).run(hours=3.5)
    assert world.failing_minutes < 30 * 1.1 + 4
    assert world.wrong_flips == []
    assert world.flips <= 2


@SEEDS
def test_a_mailbox_that_is_down_blames_nobody(seed: int) -> None:
    down = (minutes(10), minutes(130))
    world = World(seed=seed, policy=policy_of(round_trip=True), mailbox_down=down).run(hours=3)
    assert world.flips == 0
    assert world.said(EventType.PROVIDER_OPENED) == []
    assert len(world.said(EventType.MAILBOX_FAILING)) == 1
    assert len(world.said(EventType.MAILBOX_RECOVERED)) == 1


@SEEDS
def test_a_provider_that_breaks_after_login_is_left_by_what_one_application_tells(seed: int) -> None:
    """Nobody but mail can tell when it works again: each try costs one message, ever later."""
    trouble = breaks_after_data(**THREE_HOURS)
    world = World(seed=seed, troubles={"a": (trouble,)}, reporters=(Reporter(name="shop"),)).run(hours=4)
    assert world.failing_minutes < 1
    assert world.flips <= 10
    assert {move.source for move in world.wrong_flips} <= {"b"}
