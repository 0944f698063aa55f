"""An agent that starts, restarts, was suspended, or finds an instant earlier than the last one."""

from datetime import timedelta

from mailover.core.breaker import BreakerState
from mailover.core.decide import decide
from mailover.core.events import EventType
from mailover.core.observations import AgentResumed, AgentStarted, Purpose

from .story import BUSY, LOGIN_BUSY, SILENT, Story


def restarted(story: Story, after: timedelta) -> Story:
    story.now += after
    story.orders.clear()
    story.hear(AgentStarted(at=story.now))
    return story


def test_a_start_probes_every_port_and_the_references_at_once() -> None:
    story = restarted(Story(), timedelta(hours=1))
    assert [name for _, name, _ in story.wanted(Purpose.SIGHT)] == ["a", "b", "c"]
    assert story.last.look_at_references
    assert story.because(EventType.AGENT_STARTED) == "the agent has started; it probes before it decides"


def test_a_restart_moves_no_flag() -> None:
    story = Story().breaks("a")
    flag = story.flag
    assert restarted(story, timedelta(hours=10)).flag is flag


def test_a_restart_forgets_half_told_stories() -> None:
    story = restarted(Story().sees("a", BUSY, times=2), timedelta(seconds=5)).sees("a", BUSY)
    assert story.state("a") is BreakerState.CLOSED


def test_a_fail_back_continues_the_rest_of_its_hold_after_a_restart() -> None:
    story = Story().breaks("a").recovers("a").later(minutes=3).sees("a")
    restarted(story, timedelta(hours=2)).sees("a")
    assert story.flag.provider == "b"
    assert story.later(minutes=1.9).flag.provider == "b"
    assert story.later(minutes=0.2).flag.provider == "a"


def test_no_timer_moves_the_flag_before_its_provider_has_answered_since_the_start() -> None:
    story = Story().breaks("a").recovers("a").later(minutes=3).sees("a")
    restarted(story, timedelta(hours=2)).later(minutes=10)
    assert story.flag.provider == "b"
    assert story.sees("a").flag.provider == "a"


def test_a_trial_waits_for_the_rest_of_its_time_after_a_restart() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3).later(20).sees("b")
    restarted(story, timedelta(hours=2))
    before = story.seconds
    story.until_trial("a")
    assert story.seconds - before == 40


def test_a_trial_that_was_in_flight_is_made_again_at_once() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3)
    story.until_trial("a")
    restarted(story, timedelta(hours=2))
    assert [(name, probe) for _, name, probe in story.wanted(Purpose.TRIAL)] == [("a", "login")]


def test_a_suspended_agent_goes_on_as_if_no_time_had_passed() -> None:
    story = Story().breaks("a").recovers("a").later(minutes=3).sees("a")
    gone_since = story.now
    story.now += timedelta(hours=8)
    story.hear(AgentResumed(absent_since=gone_since, at=story.now))
    story.sees("a")
    assert story.flag.provider == "b"
    assert story.later(minutes=2.1).flag.provider == "a"


def test_a_restart_while_blind_shifts_timers_by_the_blindness_once() -> None:
    story = Story().later(40).breaks("a").later(30)
    for name in "abc":
        story.sees(name, SILENT)
    story.later(16)
    assert story.fleet.blindness is not None
    restarted(story, timedelta(hours=1)).later(1).sees("b")
    opening = story.breaker("a").opening
    assert opening is not None
    assert opening.trial_at is not None
    assert (opening.trial_at - story.now).total_seconds() == 14


def test_an_earlier_instant_is_taken_for_the_last_one() -> None:
    story = Story().later(60).breaks("a")
    decision = decide(story.fleet, (AgentStarted(at=story.now),), story.policy, story.now - timedelta(hours=1))
    assert decision.fleet.decided_at == story.now
    assert decision.events[0].at == story.now


def test_deciding_again_on_nothing_changes_nothing() -> None:
    story = Story().breaks("a")
    decision = decide(story.fleet, (), story.policy, story.now)
    assert decision.fleet is story.fleet
    assert (decision.changed, decision.events, decision.because) == (False, (), "nothing changed")
