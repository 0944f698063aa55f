"""A closed way out: references answer on their ports, no provider can be reached on its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailover.core.breaker import BreakerState
from mailover.core.decide import Heard
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.observations import Failure, FailureKind, ReferenceSeen, Stage

from .story import BUSY, OURS, REFUSED, SILENT, Story, fault, policy_of
from .trouble import minutes, silent
from .world import World

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN
MUTE = fault(FailureKind.TIMEOUT, Stage.BANNER, text="no greeting within 10 s")


def healthy(names: str = "abc") -> Story:
    story = Story(names).later(30)
    for name in names:
        story.sees(name)
    return story.reference().later(5)


def fallen(story: Story, *names: str) -> Story:
    """The providers stay silent at connect, a reference answers meanwhile."""
    for _ in range(3):
        for name in names:
            story.sees(name, SILENT)
        story.later(1).reference()
    for name in names:
        story.sees(name, SILENT)
    return story


def closed_ports() -> Story:
    return fallen(healthy(), "a", "b", "c").later(20)


def answer_on(story: Story, port: int) -> Heard:
    return ReferenceSeen(target=f"ref.example:{port}", answered=True, started_at=story.now, at=story.now)


def test_all_silent_at_connect_while_a_reference_answers_is_our_closed_port() -> None:
    story = closed_ports()
    assert (story.flag.provider, story.flag.mode, story.flag.epoch) == ("a", Mode.BLIND, 2)
    assert len(story.said(EventType.AGENT_BLIND)) == 1
    assert story.because(EventType.AGENT_BLIND) == (
        "no connection to a, b and c while a reference on another port answers: "
        "our way out to port 587 is closed, or all of them are gone at once"
    )
    assert {story.state(name) for name in "abc"} == {CLOSED}


def test_the_ports_are_named_each_once() -> None:
    policy = policy_of("abc")
    providers = {**policy.providers, "b": replace(policy.providers["b"], port=465)}
    story = Story(replace(policy, providers=providers)).later(30)
    fallen(story, "a", "b", "c").later(20)
    assert "our way out to ports 465 and 587 is closed" in story.because(EventType.AGENT_BLIND)


def test_a_reference_does_not_end_it_but_a_provider_does() -> None:
    story = closed_ports().reference().later(60).reference()
    assert story.fleet.blindness is not None
    assert story.sees("b").flag.mode is Mode.NORMAL
    assert story.because(EventType.AGENT_SIGHTED).startswith("b answers: we see again after")


@pytest.mark.parametrize("failure", [REFUSED, MUTE])
def test_a_provider_that_is_reached_without_answering_ends_it_too(failure: Failure) -> None:
    story = closed_ports().later(1).sees("c", failure)
    assert story.because(EventType.AGENT_SIGHTED).startswith("c is reached: we see again after")


def test_a_reference_on_a_providers_own_port_ends_it() -> None:
    story = closed_ports().later(1)
    story.hear(answer_on(story, 443))
    assert story.fleet.blindness is not None
    story.hear(answer_on(story, 587))
    assert story.fleet.blindness is None


def test_with_a_reference_on_the_providers_port_the_silence_is_theirs() -> None:
    story = healthy()
    for name in "abc":
        story.sees(name, SILENT)
    story.later(1).hear(answer_on(story, 587))
    for name in "abc":
        story.sees(name, SILENT, times=3)
    assert story.flag.mode is Mode.EXHAUSTED


@pytest.mark.parametrize("failure", [REFUSED, BUSY, MUTE])
def test_one_that_is_refused_or_connects_shows_that_all_are_really_down(failure: Failure) -> None:
    story = fallen(healthy(), "a", "b")
    story.sees("c", failure, times=3)
    story.later(1).reference().sees("c", failure)
    assert {story.state(name) for name in "abc"} == {OPEN}
    assert story.flag.mode is Mode.EXHAUSTED


def test_providers_that_fall_one_after_the_other_are_really_down() -> None:
    """While the first was silent the second still answered: one closed port cannot explain both."""
    story = fallen(healthy("ab"), "a").sees("b")
    assert (story.state("a"), story.flag.provider) == (OPEN, "b")
    story.later(60).sees("b")
    fallen(story.later(5), "b")
    assert story.state("b") is OPEN
    assert story.flag.mode is Mode.EXHAUSTED


def test_a_lone_provider_has_only_references_to_be_judged_by() -> None:
    assert fallen(healthy("a"), "a").state("a") is OPEN


def test_a_silent_provider_waits_until_another_has_been_asked() -> None:
    story = fallen(healthy(), "a")
    assert story.state("a") is CLOSED
    assert story.sees("c").state("a") is OPEN


def test_a_spare_is_not_opened_by_a_closed_port_either() -> None:
    story = fallen(healthy(), "c")
    fallen(story, "a", "b", "c").later(20)
    assert {story.state(name) for name in "abc"} == {CLOSED}
    assert story.said(EventType.PROVIDER_OPENED) == []


def test_reports_of_a_closed_port_open_nothing() -> None:
    story = healthy().told("a", SILENT, by="shop", count=5).told("a", SILENT, by="crm", count=5).reference()
    story.told("a", SILENT, by="crm")
    assert story.state("a") is CLOSED


def test_a_resolver_that_fails_alone_blinds_as_well() -> None:
    unresolved = fault(FailureKind.LOCAL, Stage.RESOLVE, text="the name servers gave no answer")
    story = fallen_locally(unresolved)
    assert story.because(EventType.AGENT_BLIND) == (
        "a, b and c cannot be tried though a reference answers (the name servers gave no answer): "
        "our own machine is the suspect"
    )


def test_whoever_falls_silent_first_has_the_references_asked_though_it_is_our_own_fault() -> None:
    story = healthy().sees("c", OURS)
    assert story.last.look_at_references
    assert not story.later(1).sees("c", OURS).last.look_at_references


def test_our_own_full_table_blinds_though_a_reference_still_answers() -> None:
    assert fallen_locally(OURS).flag.mode is Mode.BLIND


def fallen_locally(failure: Failure) -> Story:
    story = healthy()
    for name in "abc":
        story.sees(name, failure, times=4)
    return story.later(1).reference().later(20)


@pytest.mark.parametrize("seed", range(5))
def test_a_port_closed_for_an_hour_moves_nothing_and_is_told_once(seed: int) -> None:
    shut = (silent(since=minutes(20), until=minutes(80)),)
    world = World(seed=seed, troubles=dict.fromkeys("abc", shut), references=("r1", "r2")).run(hours=3)
    assert world.flips == 0
    assert world.said(EventType.PROVIDER_OPENED) == []
    (blind,), (sighted,) = world.said(EventType.AGENT_BLIND), world.said(EventType.AGENT_SIGHTED)
    assert sighted.at - blind.at >= timedelta(minutes=58)
