"""Streams that can wait do so while a stream that cannot uses its backups."""

from dataclasses import replace
from datetime import timedelta

from mailover.core.carriage import StreamMail
from mailover.core.commands import PinProvider
from mailover.core.fleet import Flag, Mode
from mailover.core.providers import Stream, WhenExhausted
from mailover.core.routing import Letter, route

from .story import SILENT, Story, policy_of


def house(when_exhausted: WhenExhausted = WhenExhausted.LEAST_BAD) -> Story:
    """Mail over a, b, c; a newsletter over d, c, that can wait and is configured first."""
    policy = policy_of("abcd")
    newsletter = Stream(
        name="news", providers=("d", "c"), mail=StreamMail(postpone=True), when_exhausted=when_exhausted
    )
    mail = replace(policy.streams["mail"], providers=tuple("abc"))
    story = Story(replace(policy, streams={"news": newsletter, "mail": mail})).later(minutes=6)
    for name in "abcd":
        story.sees(name)
    return story


def news(story: Story) -> Flag:
    return story.fleet.streams["news"].flag


def test_while_all_is_well_it_sends() -> None:
    assert news(house()).sending


def test_it_waits_from_the_very_decision_that_moves_the_other_stream() -> None:
    story = house()
    epoch = news(story).epoch
    story.breaks("a")
    assert (story.flag.mode, story.flag.provider, story.flag.sending) == (Mode.FAILOVER, "b", True)
    assert (news(story).provider, news(story).mode, news(story).sending) == ("d", Mode.NORMAL, False)
    assert news(story).epoch == epoch + 1
    assert news(story).because.startswith("news waits, since mail uses its backups: b is the first choice left")


def test_its_mail_waits_in_the_relay_too() -> None:
    story = house().breaks("a")
    told = route(story.fleet, story.policy, Letter(stream="news", recipient="x@example.com"), story.now)
    assert (told.providers, told.waiting_for, told.because) == ((), "any", news(story).because)


def test_it_goes_on_when_the_other_is_back_on_its_first_provider() -> None:
    story = house().breaks("a").recovers("a")
    assert not news(story).sending
    story.later(minutes=6).sees("a")
    assert story.flag.mode is Mode.NORMAL
    assert news(story).sending
    assert news(story).because == "d is healthy and first in order"


def test_it_waits_also_when_the_other_has_nobody_left() -> None:
    story = house().breaks("a").breaks("b")
    waiting = news(story)
    story.breaks("c")
    assert story.flag.mode is Mode.EXHAUSTED
    assert news(story).sending is False
    assert news(story).epoch == waiting.epoch + 1, "c is no fallback any more"


def test_its_own_failover_holds_up_nobody() -> None:
    story = house().breaks("d")
    assert (news(story).mode, news(story).sending) == (Mode.FAILOVER, True)
    assert story.flag.sending


def test_a_move_of_its_own_while_it_waits_is_told_and_changes_nothing_about_the_waiting() -> None:
    story = house().breaks("a").breaks("d")
    assert (news(story).provider, news(story).mode, news(story).sending) == ("c", Mode.FAILOVER, False)


def test_with_nobody_left_it_is_held_as_it_says_itself() -> None:
    story = house(WhenExhausted.HOLD).breaks("a").breaks("d").breaks("c")
    assert (news(story).provider, news(story).mode, news(story).sending) == (None, Mode.EXHAUSTED, False)


def test_an_operators_pin_sends_it_all_the_same() -> None:
    story = house().breaks("a")
    story.ordered(PinProvider(stream="news", provider="d", until=story.now + timedelta(hours=1)))
    assert (news(story).mode, news(story).sending) == (Mode.PINNED, True)


def test_blindness_changes_nothing_about_it() -> None:
    story = house().breaks("a").later(30)
    for name in "abcd":
        story.sees(name, SILENT, times=3)
    story.later(16)
    assert (story.flag.mode, news(story).mode) == (Mode.BLIND, Mode.BLIND)
    assert (story.flag.sending, news(story).provider, news(story).sending) == (True, "d", False)
