"""When the flag returns to a better provider: holds, relapses, manual, pauses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailover.core.commands import FailBack, PauseFailback, ReorderStream, ResumeFailback
from mailover.core.events import EventType
from mailover.core.operators import refusal
from mailover.core.providers import Failback

from .story import BUSY, Story, policy_of


def back(story: Story | None = None) -> Story:
    """The best provider has broken and closed again; the flag is still on the second."""
    story = (story or Story()).breaks("a").recovers("a")
    assert story.flag.provider == "b"
    return story


def minutes_until_return(story: Story) -> float:
    closed_at = story.breaker("a").since
    while story.flag.provider != "a":
        assert story.now < closed_at + timedelta(hours=6), "it never returns"
        story.later(10).sees("a")
    return round((story.now - closed_at).total_seconds() / 60, 1)


def test_a_better_provider_returns_after_it_has_been_closed_for_its_hold() -> None:
    story = back().later(minutes=4.9)
    assert story.flag.provider == "b"
    story.later(minutes=0.1)
    assert story.because(EventType.FAILBACK_HAPPENED) == "a is healthy and first in order"
    data = story.said(EventType.FAILBACK_HAPPENED)[0].data
    assert (data["from"], data["to"], data["epoch"]) == ("b", "a", story.flag.epoch)


def test_while_it_holds_the_flag_says_so() -> None:
    story = back().ordered(ReorderStream(stream="mail", providers=("c", "a", "b"))).breaks("c").recovers("c")
    assert story.flag.provider == "a"


def test_an_open_run_delays_the_return() -> None:
    story = back().later(minutes=4.9).sees("a", BUSY).later(minutes=1)
    assert story.flag.provider == "b"
    assert story.sees("a").flag.provider == "a"


def test_opening_as_active_soon_after_a_fail_back_doubles_the_hold_each_time() -> None:
    story, holds = Story().sees("a"), []
    for _ in range(5):
        back(story)
        holds.append(minutes_until_return(story))
        story.later(minutes=11).sees("a")
    assert holds == [5, 10, 20, 40, 80]


def test_reopening_soon_after_closing_counts_at_most_twice() -> None:
    story = Story()
    for _ in range(6):
        story.breaks("a").recovers("a").later(minutes=1)
    assert story.breaker("a").relapse_count(story.now, story.policy.breaker) == 2
    assert minutes_until_return(story) == 20


def test_an_outage_long_after_the_fail_back_is_no_relapse() -> None:
    story = back().later(minutes=5)
    story.later(minutes=61).breaks("a")
    assert story.breaker("a").relapses == ()


def test_a_relapse_is_forgotten_after_six_hours() -> None:
    story = back().later(minutes=5).later(minutes=20)
    story.breaks("a")
    assert story.breaker("a").relapse_count(story.now, story.policy.breaker) == 1
    story.later(minutes=361)
    assert story.breaker("a").relapse_count(story.now, story.policy.breaker) == 0


def test_falling_as_a_spare_is_no_relapse_of_a_fail_back() -> None:
    story = back().later(minutes=11).breaks("b")
    assert story.breaker("b").relapses == ()


def test_manual_fail_back_waits_for_an_operator() -> None:
    story = back(Story(failback=Failback.MANUAL)).later(minutes=600).sees("a")
    assert story.flag.provider == "b"
    assert story.ordered(FailBack(stream="mail")).flag.provider == "a"


def test_an_operator_need_not_wait_for_the_hold() -> None:
    assert back().ordered(FailBack(stream="mail")).flag.provider == "a"


def test_a_fail_back_to_nobody_better_is_refused_with_the_reason() -> None:
    story = Story().breaks("a")
    refused = refusal(story.fleet, story.policy, FailBack(stream="mail"), story.now)
    assert refused is not None
    assert refused.because == "nothing better than b is healthy"


def test_a_pause_holds_the_fail_back_until_it_ends() -> None:
    story = back()
    story.ordered(PauseFailback(stream="mail", until=story.now + timedelta(hours=1)))
    assert story.later(minutes=59).flag.provider == "b"
    assert story.later(minutes=1).flag.provider == "a"


def test_a_pause_can_be_ended_early() -> None:
    story = back()
    story.ordered(PauseFailback(stream="mail", until=story.now + timedelta(hours=1))).later(minutes=6)
    assert story.ordered(ResumeFailback(stream="mail")).flag.provider == "a"


def test_a_pause_does_not_hold_a_fail_away() -> None:
    story = Story()
    story.ordered(PauseFailback(stream="mail", until=story.now + timedelta(hours=1)))
    assert story.breaks("a").flag.provider == "b"


def test_an_operators_order_takes_effect_without_a_hold() -> None:
    story = Story().ordered(ReorderStream(stream="mail", providers=("c", "a")))
    assert story.flag.provider == "c"
    assert story.flag.fallbacks == ("a",)


@pytest.mark.parametrize(
    ("providers", "because"),
    [
        ((), "an order needs at least one provider"),
        (("a", "x"), "no provider is called 'x'"),
        (("a", "a"), "an order names each provider once"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(providers: tuple[str, ...], because: str) -> None:
    story = Story()
    refused = refusal(story.fleet, story.policy, ReorderStream(stream="mail", providers=providers), story.now)
    assert refused is not None
    assert refused.because == because


def test_the_patient_profile_fails_back_at_once() -> None:
    policy = policy_of()
    breaker = replace(policy.breaker, failback_after=timedelta(0), successes=1, open_for=timedelta(minutes=30))
    assert Story(replace(policy, breaker=breaker)).breaks("a").recovers("a").flag.provider == "a"
