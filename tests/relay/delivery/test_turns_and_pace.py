"""Who may use a provider, how many at once, how fast; and what a relay remembers of it for some seconds."""

import asyncio

from mailover.core.observations import Failure, FailureKind, Stage
from mailover.relay.delivery.pace import Pace
from mailover.relay.delivery.standing import Readiness, Standing
from mailover.relay.delivery.turns import Turns

K = FailureKind


def failure(kind: FailureKind) -> Failure:
    return Failure(kind=kind, stage=Stage.MAIL, replied=True)


# -- turns ------------------------------------------------------------------------------------------------------------


def test_urgent_messages_pass_those_that_can_wait() -> None:
    async def story() -> list[int]:
        turns = Turns(1)
        assert await turns.take(3, 1)
        served: list[int] = []

        async def wait(priority: int) -> None:
            assert await turns.take(priority, 5)
            served.append(priority)
            turns.give()

        waiting = [asyncio.create_task(wait(priority)) for priority in (6, 3, 6, 1)]
        await asyncio.sleep(0)
        turns.give()
        await asyncio.gather(*waiting)
        assert turns.taken == 0
        return served

    assert asyncio.run(story()) == [1, 3, 6, 6]


def test_who_waits_too_long_gets_no_turn_and_takes_none() -> None:
    async def story() -> None:
        turns = Turns(1)
        assert await turns.take(3, 1)
        assert not await turns.take(3, 0.01)
        turns.give()
        assert turns.free

    asyncio.run(story())


def test_a_waiter_that_is_cancelled_leaves_its_turn_to_the_next() -> None:
    async def story() -> None:
        turns = Turns(1)
        assert await turns.take(3, 1)
        first, second = (asyncio.create_task(turns.take(3, 5)) for _ in range(2))
        await asyncio.sleep(0)
        turns.give()
        first.cancel()
        assert await second
        turns.give()
        assert turns.free

    asyncio.run(story())


def test_a_turn_that_is_overdue_is_somebody_elses_but_not_without_end() -> None:
    async def story() -> None:
        turns = Turns(2)
        for _ in range(2):
            assert await turns.take(3, 0.01)
            assert turns.set_aside()
        assert await turns.take(3, 0.01)
        assert not turns.set_aside()
        turns.bring_back()
        assert turns.set_aside()
        assert (turns.taken, turns.overdue) == (0, 2)

    asyncio.run(story())


def test_successes_widen_trouble_narrows_and_a_recovery_begins_with_one() -> None:
    turns = Turns(10)
    assert int(turns.window) == 4
    for _ in range(20):
        turns.widen()
    assert turns.window == 10
    turns.narrow()
    assert turns.window == 5
    for _ in range(9):
        turns.narrow()
    assert turns.window == 1
    turns.restart()
    for _ in range(3):
        turns.widen()
    assert turns.window == 4


# -- pace -------------------------------------------------------------------------------------------------------------


def test_a_rate_lets_a_second_pass_at_once_and_then_one_after_the_other() -> None:
    pace = Pace(2.0)
    waits = []
    for _ in range(5):
        waits.append(pace.wait(100.0))
        pace.take(100.0)
    assert waits == [0.0, 0.0, 0.5, 1.0, 1.5]
    assert pace.wait(102.0) == 0.0


def test_without_a_rate_nobody_waits() -> None:
    pace = Pace(None)
    for _ in range(1000):
        assert pace.wait(1.0) == 0.0
        pace.take(1.0)


def test_a_provider_that_asks_for_less_gets_two_thirds_and_slowly_more() -> None:
    pace = Pace(None)
    for tick in range(200):
        at = tick / 100
        assert pace.wait(at) == 0.0
        pace.take(at)
    pace.ease(2.0)
    assert pace.rate is not None
    assert 60 < pace.rate < 70
    assert pace.wait(2.0) > 0
    pace.wait(12.0)
    assert 150 < pace.rate < 200
    pace.wait(60.0)
    assert pace.rate is None


def test_a_configured_rate_stays_the_limit() -> None:
    pace = Pace(5.0)
    for at in (0.0, 1.0):
        pace.wait(at)
        pace.take(at)
    pace.ease(1.0)
    assert pace.rate is not None
    assert pace.rate < 5
    pace.wait(600.0)
    assert pace.rate == 5.0


# -- standing ---------------------------------------------------------------------------------------------------------


def test_one_silence_puts_a_provider_last_for_seconds_and_longer_each_time() -> None:
    standing = Standing()
    assert standing.readiness(0.0) is Readiness.READY
    standing.failed(failure(K.TIMEOUT), 0.0)
    assert standing.readiness(1.9) is Readiness.DOUBTED
    assert standing.readiness(2.0) is Readiness.READY
    assert standing.doubted
    standing.failed(failure(K.TIMEOUT), 2.0)
    assert standing.readiness(5.9) is Readiness.DOUBTED
    for at in range(40, 440, 40):
        standing.failed(failure(K.TIMEOUT), float(at))
    assert standing.readiness(400.0 + 29) is Readiness.DOUBTED
    assert standing.readiness(400.0 + 31) is Readiness.READY


def test_while_one_message_tests_it_the_others_go_elsewhere() -> None:
    standing = Standing()
    standing.failed(failure(K.CONNECTION), 0.0)
    standing.tested = True
    assert standing.readiness(100.0) is Readiness.DOUBTED


def test_messages_that_fail_together_count_as_one() -> None:
    standing = Standing()
    for _ in range(10):
        standing.failed(failure(K.TIMEOUT), 0.5)
    assert standing.readiness(2.6) is Readiness.READY


def test_a_single_refusal_puts_nobody_last_three_do_and_a_success_clears_them() -> None:
    standing = Standing()
    for _ in range(2):
        standing.failed(failure(K.TRANSIENT), 0.0)
        standing.failed(failure(K.POLICY), 0.0)
        standing.succeeded()
    assert standing.readiness(0.0) is Readiness.READY
    for _ in range(3):
        standing.failed(failure(K.POLICY), 0.0)
    assert standing.readiness(0.0) is Readiness.DOUBTED


def test_a_refused_login_closes_it_for_a_minute_doubling_to_an_hour() -> None:
    standing = Standing()
    standing.failed(failure(K.AUTH), 0.0)
    assert standing.closed_for(1.0) == 59.0
    standing.failed(failure(K.AUTH), 60.0)
    assert standing.closed_for(60.0) == 120.0
    for _ in range(10):
        standing.failed(failure(K.AUTH), 10_000.0)
    assert standing.closed_for(10_000.0) == 3600.0
    standing.recovered()
    assert standing.readiness(10_001.0) is Readiness.READY


def test_throttling_is_a_pause_that_grows_and_no_doubt() -> None:
    standing = Standing()
    standing.failed(failure(K.RATE_LIMIT), 0.0)
    assert standing.closed_for(0.0) == 1.0
    standing.failed(failure(K.RATE_LIMIT), 0.5)
    assert standing.closed_for(0.5) == 0.5
    standing.failed(failure(K.RATE_LIMIT), 2.0)
    assert standing.closed_for(2.0) == 2.0
    assert not standing.doubted
    standing.failed(failure(K.RATE_LIMIT), 500.0)
    assert standing.closed_for(500.0) == 1.0
