"""What a stream's selector wants the order to be."""

from datetime import UTC, time

from mailover.core.carriage import StreamMail
from mailover.core.commands import ReorderStream
from mailover.core.fleet import Mode
from mailover.core.observations import OrderWanted
from mailover.core.providers import PeakHours

from .story import Story, policy_of


def selecting() -> Story:
    story = Story(policy_of(mail=StreamMail(selector="by-price"))).later(minutes=6)
    for name in "abc":
        story.sees(name)
    return story


def wish(story: Story, *providers: str, stream: str = "mail") -> Story:
    story.hear(OrderWanted(stream=stream, providers=providers, at=story.now))
    return story


def test_the_flag_follows_the_wish_and_stays_normal() -> None:
    flag = wish(selecting(), "c", "b").flag
    assert (flag.provider, flag.fallbacks, flag.mode) == ("c", ("b", "a"), Mode.NORMAL)


def test_a_wish_brings_no_open_provider_into_the_flag() -> None:
    story = wish(selecting().breaks("c"), "c", "b", "a")
    assert (story.flag.provider, story.flag.fallbacks, story.flag.mode) == ("b", ("a",), Mode.FAILOVER)


def test_names_that_nobody_has_and_names_twice_are_passed_over() -> None:
    story = wish(selecting(), "z", "b", "", "b")
    assert story.stream.selected == ("b",)
    assert (story.flag.provider, story.flag.fallbacks) == ("b", ("a", "c"))


def test_a_selector_that_changes_its_mind_all_the_time_moves_the_flag_once_a_minute() -> None:
    story = selecting()
    epoch = story.flag.epoch
    for n in range(120):
        wish(story, "abc"[n % 3]).later(1)
    assert story.flag.epoch - epoch <= 3


def test_one_that_fails_leaves_the_configs_order_at_once() -> None:
    story = wish(wish(selecting(), "b").later(1), *())
    assert (story.flag.provider, story.stream.selected) == ("a", ())


def test_but_one_that_fails_every_other_time_does_not_make_the_flag_flap() -> None:
    story = selecting()
    epoch = story.flag.epoch
    for n in range(60):
        wish(story, *("b" * (n % 2))).later(1)
    assert story.flag.epoch - epoch <= 2


def test_an_operators_order_outranks_it() -> None:
    story = wish(selecting(), "b").ordered(ReorderStream(stream="mail", providers=("c", "a")))
    assert story.flag.provider == "c"


def test_of_a_stream_without_a_selector_nothing_is_heard() -> None:
    story = wish(wish(Story(), "b"), "b", stream="nobody")
    assert (story.flag.provider, story.stream.selected) == ("a", ())


def test_with_its_selector_the_wish_leaves_the_config() -> None:
    story = wish(selecting(), "b")
    story.policy = policy_of()
    story.hear()
    assert (story.flag.provider, story.stream.selected_at) == ("a", None)


def test_in_peak_hours_it_chooses_among_their_providers() -> None:
    peak = PeakHours(start=time(9), end=time(12), zone=UTC, providers=("b", "a"))
    story = Story(policy_of(mail=StreamMail(selector="by-price"), peak_hours=(peak,)))
    wish(story.later(minutes=6), "c", "a")
    assert (story.flag.provider, story.flag.fallbacks) == ("a", ("b",))
