"""Several providers share a stream."""

import pytest

from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.providers import StreamMode

from .story import BUSY, Story


def shared(**weights: float) -> Story:
    """A stream in balance mode, long after its start."""
    story = Story(mode=StreamMode.BALANCE, weights=weights).later(minutes=6)
    for name in "abc":
        story.sees(name)
    return story


def test_weights_are_given_instead_of_one_provider() -> None:
    story = shared(a=0.7, b=0.3)
    assert (story.flag.mode, story.flag.provider, story.flag.weights) == (Mode.BALANCE, "a", {"a": 0.7, "b": 0.3})
    assert story.flag.fallbacks == ("b", "c")
    assert story.flag.because == "shared by ratio: a 70 % and b 30 %"


def test_weights_sum_to_one() -> None:
    weights = shared().flag.weights
    assert list(weights) == ["a", "b", "c"]
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)


def test_one_that_breaks_leaves_its_share_to_the_others() -> None:
    story = shared(a=0.5, b=0.25, c=0.25).breaks("b")
    assert story.flag.weights == {"a": 0.666667, "c": 0.333333}
    assert story.flag.because == (
        "shared by ratio: a 67 % and c 33 %; b is out: 3 port probes failed in a row (banner: 421 too busy)"
    )


def test_one_that_returns_must_hold_first() -> None:
    story = shared().breaks("b").recovers("b").later(minutes=4.9)
    assert "b" not in story.flag.weights
    story.later(minutes=0.2).sees("b")
    assert "b" in story.flag.weights


def test_an_open_run_is_enough_to_stay_but_not_to_join() -> None:
    story = shared().sees("b", BUSY)
    assert "b" in story.flag.weights
    story.breaks("c").recovers("c").later(minutes=4.9).sees("c", BUSY).later(minutes=1)
    assert "c" not in story.flag.weights


def test_losing_its_dns_does_not_push_a_member_out() -> None:
    story = Story(mode=StreamMode.BALANCE, require_dns=True).later(minutes=6)
    for name in "abc":
        story.sees(name)
    assert "b" in story.dns("b", "none").flag.weights


def test_when_the_first_member_breaks_the_move_is_told() -> None:
    story = shared(a=0.5, b=0.5).breaks("a")
    assert story.flag.provider == "b"
    assert story.said(EventType.FAILOVER_HAPPENED)[0].data["to"] == "b"


def test_those_without_a_share_carry_mail_only_when_nobody_else_can() -> None:
    story = shared(a=1.0).breaks("a")
    assert (story.flag.provider, story.flag.weights) == ("b", {"b": 1.0})
