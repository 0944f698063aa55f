"""Messages that were accepted and did not arrive."""

from mailover.core.breaker import BreakerState
from mailover.core.events import EventType
from mailover.core.observations import Purpose

from .story import DATA_BROKEN, LOST, Story

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def post() -> Story:
    return Story(round_trip=True).later(minutes=5)


def test_one_missing_message_starts_one_more_and_one_through_every_other_provider() -> None:
    story = post().sends("a", LOST, took=60)
    assert story.state("a") is CLOSED
    assert story.wanted(Purpose.CONFIRM) == [(300.0, "a", "round_trip")]
    assert [order for order in story.wanted(Purpose.SIGHT) if order[2] == "round_trip"] == [
        (300.0, "b", "round_trip"),
        (300.0, "c", "round_trip"),
    ]


def test_one_that_arrives_after_a_missing_one_clears_the_run() -> None:
    story = post().sends("a", LOST, took=60, times=2).sends("a", took=1, purpose=Purpose.CONFIRM)
    assert story.breaker("a").runs == {}


def test_three_missing_while_anothers_later_one_arrived_are_the_providers() -> None:
    story = post().sends("a", LOST, took=60).sends("b", took=3, purpose=Purpose.SIGHT)
    story.later(60).sends("a", LOST, took=60).later(60).sends("a", LOST, took=60)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: 3 accepted messages did not arrive, while a later one through b did"
    )
    assert story.said(EventType.PROVIDER_OPENED)[0].data["depth"] == "send"


def test_lost_messages_are_tried_again_after_ten_minutes_with_a_message() -> None:
    story = post().sends("b").sends("a", LOST, times=3)
    before = story.seconds
    assert story.until_trial("a") == "round_trip"
    assert story.seconds - before == 600


def test_when_nobodys_message_arrives_the_mailbox_is_blamed_and_no_provider() -> None:
    story = post().sends("a", LOST, took=60, times=3)
    assert {story.state(name) for name in "abc"} == {CLOSED}
    assert story.because(EventType.MAILBOX_FAILING) == (
        "messages through a and all others do not show up in the mailbox; no provider is blamed for it"
    )
    assert story.breaker("a").runs == {}


def test_a_message_that_arrives_ends_the_mailboxs_trouble() -> None:
    story = post().sends("a", LOST, took=60, times=3).sends("b", took=1)
    assert story.because(EventType.MAILBOX_RECOVERED) == "a message through b arrived in the mailbox again"


def test_a_mailbox_that_cannot_be_read_blames_nobody_and_is_told_once() -> None:
    story = post().mailbox(readable=False).mailbox(readable=False).sends("a", LOST, took=60, times=5)
    assert len(story.said(EventType.MAILBOX_FAILING)) == 1
    assert story.state("a") is CLOSED
    story.mailbox(readable=True)
    assert story.because(EventType.MAILBOX_RECOVERED) == "the mailbox of the round trips can be read again"


def test_missing_messages_do_not_add_to_refused_ones() -> None:
    story = post().sends("a", LOST, took=60, times=2).sends("a", DATA_BROKEN)
    assert story.state("a") is CLOSED


def test_a_trial_that_the_mailbox_spoiled_is_not_held_against_the_provider() -> None:
    story = post().sends("b").sends("a", LOST, times=3)
    story.until_trial("a")
    story.mailbox(readable=False).sends("a", LOST, purpose=Purpose.TRIAL)
    opening = story.breaker("a").opening
    assert opening is not None
    assert opening.trial_interval.total_seconds() == 600


def test_missing_messages_do_not_count_towards_a_ratio() -> None:
    assert post().sends("a", LOST, took=60).breaker("a").windows == {}
