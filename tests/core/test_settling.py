"""What a changed config does to a fleet that is already there."""

from dataclasses import replace
from datetime import timedelta

from mailover.core.breaker import BreakerState
from mailover.core.commands import DisableProvider, EnableProvider, PinProvider, ReorderStream
from mailover.core.events import EventType
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream

from .story import BUSY, Story, policy_of


def reload(story: Story, policy: Policy) -> Story:
    story.policy = policy
    story.hear()
    return story


def with_order(policy: Policy, *order: str) -> Policy:
    return replace(policy, streams={"mail": replace(policy.streams["mail"], providers=order)})


def test_a_new_provider_joins_closed_and_as_a_fallback() -> None:
    story = reload(Story("ab"), policy_of("abc"))
    assert story.state("c") is BreakerState.CLOSED
    assert story.flag.fallbacks == ("b", "c")


def test_a_removed_provider_takes_its_incident_along() -> None:
    story = reload(Story("abc").breaks("b"), policy_of("ac"))
    assert "b" not in story.fleet.breakers
    assert story.last.incidents[0].closed_at == story.now
    assert story.fleet.incidents == {}


def test_a_removed_active_provider_is_left_at_once() -> None:
    story = reload(Story("abc"), policy_of("bc"))
    assert story.flag.provider == "b"


def test_a_provider_disabled_in_the_config_is_disabled() -> None:
    story = Story()
    disabled = replace(story.policy.providers["a"], enabled=False)
    reload(story, replace(story.policy, providers={**story.policy.providers, "a": disabled}))
    assert story.flag.provider == "b"
    assert story.because(EventType.PROVIDER_DISABLED) == "a is now disabled in the config"


def test_an_operators_choice_stays_until_the_config_itself_changes() -> None:
    story = Story().ordered(DisableProvider(provider="a")).later(60)
    reload(story, story.policy)
    assert story.state("a") is BreakerState.DISABLED
    off = replace(story.policy.providers["b"], enabled=False)
    reload(story, replace(story.policy, providers={**story.policy.providers, "b": off}))
    assert story.ordered(EnableProvider(provider="b")).state("b") is BreakerState.CLOSED
    reload(story, story.policy)
    assert story.state("b") is BreakerState.CLOSED


def test_an_operators_order_stays_until_the_configs_order_changes() -> None:
    story = Story().ordered(ReorderStream(stream="mail", providers=("b", "a", "c")))
    reload(story, story.policy)
    assert story.stream.order == ("b", "a", "c")
    reload(story, with_order(story.policy, "c", "a", "b"))
    assert story.stream.order is None


def test_a_pin_to_a_removed_provider_ends_with_the_reason() -> None:
    story = Story()
    story.ordered(PinProvider(stream="mail", provider="b", until=story.now + timedelta(hours=1)))
    reload(story, policy_of("ac"))
    assert story.flag.provider == "a"
    assert story.because(EventType.STREAM_UNPINNED) == "the pin of mail ended: the config has no b any more"


def test_another_account_is_another_answer() -> None:
    story = Story()
    moved = replace(story.policy.providers["a"], host="new.example")
    reload(story, replace(story.policy, providers={**story.policy.providers, "a": moved}))
    assert (story.flag.host, story.flag.epoch) == ("new.example", 2)


def test_a_new_stream_starts_with_its_first_healthy_provider() -> None:
    story = Story().breaks("a")
    streams = {**story.policy.streams, "bulk": Stream(name="bulk", providers=("a", "c"))}
    reload(story, replace(story.policy, streams=streams))
    assert story.fleet.streams["bulk"].flag.provider == "c"
    reload(story, policy_of())
    assert list(story.fleet.streams) == ["mail"]


def test_only_the_streams_it_touches_move_when_a_provider_breaks() -> None:
    policy = policy_of()
    streams = {**policy.streams, "bulk": Stream(name="bulk", providers=("c", "b"))}
    story = Story(replace(policy, streams=streams)).breaks("a")
    assert story.fleet.streams["bulk"].flag.provider == "c"
    assert story.fleet.incidents["provider/a"].streams == ("mail",)


def test_a_provider_that_starts_disabled_in_the_config_is_not_in_the_flag() -> None:
    policy = policy_of()
    off = Provider(name="a", host="a.example", port=587, enabled=False)
    story = Story(replace(policy, providers={**policy.providers, "a": off}))
    assert (story.flag.provider, story.flag.fallbacks) == ("b", ("c",))
    assert story.sees("a", BUSY, times=5).state("a") is BreakerState.DISABLED
