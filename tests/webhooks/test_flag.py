"""How long a reader waits: the part of the flag's answer that no clock is needed for."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from api_house import POLICY

from mailover.core.fleet import found
from mailover.service import Published, Snapshot, publish
from webhooks.answers import Answer
from webhooks.flag import Wait, negotiate

FLEET = found(POLICY, "abc", datetime(2026, 11, 21, tzinfo=UTC))
FLAGS: Mapping[str, Published] = {name: publish(state.flag, FLEET.identity) for name, state in FLEET.streams.items()}
SNAPSHOT = Snapshot(fleet=FLEET, policy=POLICY, flags=FLAGS, default_stream="marketing")
ETAG = FLAGS["marketing"].etag


def asked(query: str = "", *, dice: float = 0.0, stream: str | None = None, **headers: str) -> Answer | Wait:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return negotiate(SNAPSHOT, None, stream=stream, query=query, headers=named, dice=dice)


def waits(answer: Answer | Wait) -> float:
    assert isinstance(answer, Wait)
    return answer.seconds


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("30s", 30), ("30", 30), ("1m", 60), ("5m", 60), ("999999m", 60), ("1500ms", 1.5), ("1ms", 0.001)],
)
def test_a_wait_is_told_in_several_ways_and_capped_at_a_minute(wait: str, seconds: float) -> None:
    assert waits(asked(f"epoch=1&wait={wait}")) == pytest.approx(seconds)


def test_an_epoch_alone_waits_for_half_a_minute() -> None:
    assert waits(asked("epoch=1")) == 30


def test_the_dice_spread_readers_over_a_sixteenth() -> None:
    assert waits(asked("epoch=1&wait=60s", dice=0.5)) == pytest.approx(60 + 60 / 32)
    assert waits(asked("epoch=1&wait=60s", dice=0.999)) < 60 * 17 / 16


@pytest.mark.parametrize("query", ["epoch=1&wait=0", "epoch=1&wait=0s", "wait=30s", "", "epoch=2&wait=30s", "other=1"])
def test_who_asks_for_no_wait_gets_none(query: str) -> None:
    assert isinstance(asked(query), Answer)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=10", 10), ('wait="10"', 10), ("respond-async, WAIT = 10;foo", 10), ("wait=600", 60), ("wait=5, wait=9", 5)],
)
def test_a_preference_is_read_as_its_rfc_has_it(prefer: str, seconds: float) -> None:
    assert waits(asked(if_none_match=ETAG, prefer=prefer)) == seconds


@pytest.mark.parametrize("prefer", ["wait=-1", "wait=x", "wait", "waiting=5", "", "wait=0"])
def test_a_preference_that_is_not_understood_is_passed_over(prefer: str) -> None:
    answer = asked(if_none_match=ETAG, prefer=prefer)
    assert isinstance(answer, Answer)
    assert answer.status == 304


def test_a_wait_by_epoch_may_end_in_304_for_who_keeps_etags() -> None:
    waiting = asked("epoch=1&wait=5s", if_none_match=ETAG)
    assert isinstance(waiting, Wait)
    assert waiting.answer(SNAPSHOT, None).status == 304


def test_a_stream_that_is_removed_while_somebody_waits_is_gone() -> None:
    waiting = asked("epoch=1&wait=5s")
    assert isinstance(waiting, Wait)
    without = Snapshot(fleet=FLEET, policy=POLICY, flags={}, default_stream="transactional")
    assert waiting.over(without)
    assert waiting.answer(without, None).status == 404


def test_two_agents_on_one_store_give_equal_tags() -> None:
    state = FLEET.streams["marketing"]
    assert publish(state.flag, "abc").etag == ETAG
    assert publish(state.flag, "other").etag != ETAG
