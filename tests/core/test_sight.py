"""Is it us? Blindness, its end, the wrong clock and the noisy network."""

from datetime import timedelta

from mailover.core.breaker import BreakerState
from mailover.core.commands import DisableProvider, FailBack, PinProvider
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.observations import Purpose

from .story import BUSY, EXPIRED, OURS, SILENT, Story

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def blinded(story: Story | None = None) -> Story:
    """Nobody has answered for the time it takes to doubt our own network."""
    story = (story or Story()).later(30)
    for name in "abc":
        story.sees(name, SILENT, times=3)
    return story.later(16)


def test_when_nobody_answers_the_agent_is_blind_and_keeps_the_flag() -> None:
    story = blinded()
    assert (story.flag.provider, story.flag.mode) == ("a", Mode.BLIND)
    assert story.because(EventType.AGENT_BLIND) == (
        "nothing has answered for 16 s, no provider and no reference: our own network is the suspect"
    )
    assert {story.state(name) for name in "abc"} == {CLOSED}
    assert story.fleet.incidents["agent"].opened_at == story.now - timedelta(seconds=16)


def test_local_failures_are_evidence_of_blindness() -> None:
    story = Story().later(30)
    for name in "abc":
        story.sees(name, OURS)
    assert story.later(16).flag.mode is Mode.BLIND


def test_a_refusal_in_smtp_is_an_answer_so_nobody_is_blind() -> None:
    story = Story().later(30).sees("a", SILENT).sees("b", SILENT).sees("c", BUSY).later(20)
    assert story.fleet.blindness is None


def test_a_reference_that_answers_keeps_the_sight() -> None:
    story = Story("a").later(30).sees("a", SILENT).later(1).reference().later(20)
    assert story.fleet.blindness is None


def test_while_blind_automation_changes_nothing() -> None:
    story = blinded().sees("a", SILENT, times=10).sees("b", SILENT, times=10)
    assert story.breaker("a").runs == {}
    assert (story.state("a"), story.flag.provider) == (CLOSED, "a")
    assert story.breaker("a").windows == {}


def test_while_blind_it_looks_again_and_again() -> None:
    story = blinded()
    story.orders.clear()
    story.later(46)
    assert [at for at, name, _ in story.wanted(Purpose.SIGHT) if name == "a"] == [61.0, 76.0, 91.0]


def test_the_first_answer_from_anywhere_ends_it() -> None:
    story = blinded().later(minutes=10).sees("c", BUSY)
    assert story.because(EventType.AGENT_SIGHTED) == "c answers: we see again after 10 min"
    assert story.flag.mode is Mode.NORMAL
    assert "agent" not in story.fleet.incidents


def test_an_answer_to_an_attempt_from_before_does_not_end_it() -> None:
    assert blinded().later(5).sees("b", took=9).fleet.blindness is not None


def test_every_port_is_probed_before_any_timer_when_sight_returns() -> None:
    story = blinded()
    story.orders.clear()
    story.later(1).reference()
    assert [name for _, name, _ in story.wanted(Purpose.SIGHT)] == ["a", "b", "c"]


def test_dwell_and_trial_timers_shift_by_the_length_of_the_blindness() -> None:
    story = Story().later(40).breaks("a")
    story = blinded(story).later(minutes=30).sees("b")
    opening = story.breaker("a").opening
    assert opening is not None
    assert opening.trial_at is not None
    assert (opening.trial_at - story.now).total_seconds() == 14


def test_a_fail_back_waits_for_the_rest_of_its_hold_after_blindness() -> None:
    story = Story().breaks("a").recovers("a").later(minutes=2)
    story = blinded(story).later(minutes=30).sees("b").sees("a").later(minutes=2)
    assert story.flag.provider == "b"
    assert story.later(minutes=1.5).flag.provider == "a"


def test_an_operator_can_still_act_while_blind() -> None:
    story = blinded()
    story.ordered(PinProvider(stream="mail", provider="c", until=story.now + timedelta(hours=1)))
    assert (story.flag.provider, story.flag.mode) == ("c", Mode.PINNED)


def test_an_operator_can_fail_back_while_blind() -> None:
    story = blinded(Story().breaks("a").recovers("a"))
    assert story.flag.provider == "b"
    assert story.ordered(FailBack(stream="mail")).flag.provider == "a"
    assert story.flag.mode is Mode.BLIND


def test_a_provider_disabled_while_blind_leaves_the_flag() -> None:
    story = blinded().ordered(DisableProvider(provider="a"))
    assert (story.flag.provider, story.flag.mode) == ("b", Mode.BLIND)


def test_two_certificates_refused_for_their_dates_at_once_mean_our_clock() -> None:
    story = Story().later(30).sees("a", EXPIRED).later(1).sees("b", EXPIRED)
    assert story.because(EventType.AGENT_BLIND) == (
        "the certificates of a and b are refused for their dates at once: our clock is wrong, not they"
    )


def test_one_expired_certificate_is_the_providers_fault() -> None:
    assert Story().later(30).sees("a", EXPIRED, times=3).state("a") is OPEN


def test_a_date_refused_at_a_spare_makes_the_active_provider_the_witness_before_the_spare_is_blamed() -> None:
    story = Story().later(30).sees("c", EXPIRED)
    assert [(at, name) for at, name, _ in story.wanted(Purpose.SIGHT)] == [(30.0, "a")]
    story.later(1).sees("a", EXPIRED, purpose=Purpose.SIGHT).sees("c", EXPIRED, times=2)
    assert (story.flag.mode, story.state("c")) == (Mode.BLIND, CLOSED)


def test_a_wrong_clock_is_not_mended_by_a_reference() -> None:
    story = Story().later(30).sees("a", EXPIRED).sees("b", EXPIRED).later(5).reference()
    assert story.fleet.blindness is not None
    assert story.later(1).sees("c").fleet.blindness is None


def noisy() -> Story:
    story = Story()
    for n in range(1, 31):
        story.later(15).reference(answered=n % 10 != 0).sees("b")
    return story


def test_on_a_noisy_network_opening_by_silence_takes_eight_failures() -> None:
    story = noisy().sees("a", SILENT).later(1).sees("b").later(1).sees("a", SILENT, times=6)
    assert story.state("a") is CLOSED
    assert story.sees("a", SILENT).state("a") is OPEN


def test_on_a_noisy_network_replies_count_as_ever() -> None:
    assert noisy().sees("a", BUSY, times=3).state("a") is OPEN


def test_a_store_that_cannot_be_written_is_not_blindness() -> None:
    story = Story().store(writable=False).breaks("a")
    assert (story.flag.provider, story.flag.mode) == ("b", Mode.FAILOVER)
    assert story.because(EventType.STORAGE_FAILING) == (
        "the store cannot be written (disk full): failing away goes on unrecorded, failing back waits"
    )


def test_failing_back_waits_for_the_store() -> None:
    story = Story().breaks("a").recovers("a").store(writable=False).later(minutes=30).sees("a")
    assert story.flag.provider == "b"
    assert story.store(writable=True).flag.provider == "a"
    assert (
        story.because(EventType.STORAGE_RECOVERED)
        == "the store can be written again; what happened meanwhile is recorded"
    )


def test_who_answered_while_a_probe_was_overdue_stays_its_witness_though_newer_answers_follow() -> None:
    story = Story("ab").later(30).overdue("a")
    story.later(0.1).sees("b", purpose=Purpose.CANDIDATE)
    story.later(4.4).sees("b")
    story.later(0.5).sees("a", SILENT, took=10)
    story.later(7).sees("a", SILENT, took=10, purpose=Purpose.CONFIRM)
    story.later(2).sees("a", SILENT, took=10, purpose=Purpose.CONFIRM)
    assert (story.state("a"), story.flag.provider) == (OPEN, "b")
