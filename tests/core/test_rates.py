"""A provider that fails a share of its probes: the ratio, the slow degradation, and the way back."""

from mailover.core.breaker import BreakerState
from mailover.core.events import EventType
from mailover.core.observations import Purpose

from .story import BUSY, SILENT, THROTTLED, Story

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def probed(story: Story, provider: str, probes: int, bad_every: int) -> Story:
    """So many scheduled port probes, of which every n-th fails, each confirmed as good at once; others stay healthy."""
    for n in range(1, probes + 1):
        story.later(15)
        if n % bad_every == 0:
            story.sees(provider, BUSY).sees(provider, purpose=Purpose.CONFIRM)
        else:
            story.sees(provider)
        for other in sorted(set("abc") - {provider}):
            story.sees(other)
    return story


def test_a_fifth_of_twenty_scheduled_probes_failing_opens() -> None:
    story = probed(Story(), "a", 19, 4)
    assert story.state("a") is CLOSED
    probed(story, "a", 1, 1)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: 25 % of 20 probes at depth port failed within 10 min (banner: 421 too busy)"
    )


def test_confirmations_and_other_unscheduled_probes_are_no_samples() -> None:
    story = Story()
    for _ in range(40):
        story.later(10).sees("a", BUSY, purpose=Purpose.CONFIRM).sees("a", purpose=Purpose.CONFIRM)
    assert story.state("a") is CLOSED


def test_a_rate_limit_opens_by_ratio() -> None:
    story = Story()
    for n in range(20):
        story.later(25).logs_in("a", THROTTLED if n % 2 else None)
    assert story.state("a") is OPEN


def test_a_twenty_fifth_failing_for_an_hour_while_another_is_sound_is_degraded() -> None:
    story = probed(Story(), "a", 230, 19)
    assert story.state("a") is OPEN
    assert story.said(EventType.PROVIDER_OPENED)[0].data["cause"] == "degraded"


def test_the_same_rate_everywhere_degrades_nobody() -> None:
    story = Story()
    for n in range(230):
        story.later(15)
        for name in "abc":
            story.sees(name, BUSY if n % 19 == 0 else None)
    assert {story.state(name) for name in "abc"} == {CLOSED}


def test_it_closes_by_the_same_measure_at_half_the_limit_without_trials() -> None:
    story = probed(probed(Story(), "a", 20, 4), "a", 19, 20)
    assert story.state("a") is OPEN
    assert story.wanted(Purpose.TRIAL) == []
    probed(story, "a", 1, 20)
    assert story.because(EventType.PROVIDER_CLOSED) == ("a is back: only 0 % of 20 probes fail now, out for 5 min")


def test_it_stays_open_while_more_than_half_the_limit_fails() -> None:
    story = probed(probed(Story(), "a", 20, 4), "a", 40, 5)
    assert story.state("a") is OPEN


def test_on_a_noisy_network_silence_does_not_count_towards_the_ratio() -> None:
    story = Story()
    for n in range(1, 81):
        story.later(15).reference(answered=n % 10 != 0)
        story.sees("a", SILENT if n > 40 and n % 4 == 0 else None).sees("b")
    assert story.state("a") is CLOSED
