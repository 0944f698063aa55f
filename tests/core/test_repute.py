"""A provider account's good name: complaints and bounces among what was sent through it."""

import pytest

from mailover.core.events import Event, EventType, Severity
from mailover.core.observations import FeedbackSeen

from .story import DATA_BROKEN, Story


def tells(story: Story, provider: str = "a", *, bounces: int = 0, complaints: int = 0) -> Story:
    story.hear(FeedbackSeen(provider=provider, bounces=bounces, complaints=complaints, at=story.now))
    return story


def sent(count: int, provider: str = "a") -> Story:
    return Story().told(provider, count=count)


def warned(story: Story) -> list[Event]:
    return story.said(EventType.PROVIDER_DEGRADED)


def test_more_complaints_than_mailbox_providers_bear_are_warned_of() -> None:
    story = tells(sent(1000), complaints=4)
    (event,) = warned(story)
    assert event.because == "a may block us: 4 of 1000 recipients (0.4 %) complained within 24 h"
    assert (event.severity, event.subject) == (Severity.WARNING, "provider/a")
    assert (event.data["repute"], event.data["rate"], event.data["degraded"]) == ("complaints", 0.004, True)


def test_at_the_limit_nobody_is_warned() -> None:
    assert warned(tells(sent(1000), complaints=3)) == []


def test_bounces_have_a_limit_of_their_own() -> None:
    assert warned(tells(sent(1000), bounces=50)) == []
    story = tells(sent(1000), bounces=51)
    assert story.because(EventType.PROVIDER_DEGRADED) == (
        "a may block us: 51 of 1000 recipients (5.1 %) do not exist within 24 h"
    )


@pytest.mark.parametrize(("count", "complaints"), [(99, 50), (1000, 2), (0, 50)])
def test_few_say_nothing(count: int, complaints: int) -> None:
    story = sent(count) if count else Story()
    assert warned(tells(story, complaints=complaints)) == []


def test_it_is_told_once_however_many_more_there_are() -> None:
    story = tells(sent(1000), complaints=4)
    for _ in range(10):
        tells(story.later(60), complaints=1)
    assert len(warned(story)) == 1


def test_both_are_told_each_for_itself() -> None:
    story = tells(sent(1000), complaints=4, bounces=60)
    assert [event.data["repute"] for event in warned(story)] == ["complaints", "bounces"]


def test_at_half_the_limit_it_is_well_again() -> None:
    story = tells(sent(1000), complaints=4)
    story.told("a", count=1000)
    assert story.said(EventType.PROVIDER_NORMAL) == []
    story.told("a", count=1000)
    assert story.because(EventType.PROVIDER_NORMAL) == (
        "a has few complaints again: 4 of 3000 recipients (0.1 %) complained within 24 h"
    )


def test_what_came_back_yesterday_is_forgotten() -> None:
    story = tells(sent(1000), complaints=4).later(minutes=25 * 60)
    story.told("a", count=500)
    assert story.said(EventType.PROVIDER_NORMAL) != []
    tells(story, complaints=1)
    assert len(warned(story)) == 1


def test_mail_that_failed_was_not_sent() -> None:
    story = Story().told("a", DATA_BROKEN, count=1000)
    assert warned(tells(story, complaints=50)) == []


def test_it_moves_no_flag_and_no_breaker() -> None:
    story = tells(sent(1000), complaints=500, bounces=500)
    assert story.flag.provider == "a"
    assert story.breaker("a").closed


def test_of_a_provider_that_is_gone_nothing_is_heard() -> None:
    assert warned(tells(sent(1000), "gone", complaints=50)) == []


def test_the_memory_stays_small() -> None:
    story = Story()
    for _ in range(24 * 7):
        story.later(minutes=60).told("a", count=10)
    assert len(story.breaker("a").watch.returns) <= 10
