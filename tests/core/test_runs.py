"""Blame, depths, bursts and the run that opens a breaker."""

import pytest

from mailover.core.breaker import BreakerState
from mailover.core.events import EventType
from mailover.core.observations import Depth, ProbeKind, Purpose

from .story import (
    BAD_LOGIN,
    BUSY,
    DATA_BROKEN,
    LOGIN_BUSY,
    NO_SUCH_USER,
    OURS,
    QUOTA,
    REFUSED,
    SILENT,
    SUSPENDED,
    THROTTLED,
    Story,
)

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def test_three_failures_in_a_row_open_the_breaker_and_the_flag_moves_down() -> None:
    story = Story().sees("a", BUSY, times=2)
    assert story.state("a") is CLOSED
    story.sees("a", BUSY)
    assert story.state("a") is OPEN
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: 3 port probes failed in a row (banner: 421 too busy)"
    )
    assert story.because(EventType.FAILOVER_HAPPENED) == (
        "b is the first choice left: a is out: 3 port probes failed in a row (banner: 421 too busy)"
    )
    assert (story.flag.provider, story.flag.fallbacks, str(story.flag.mode)) == ("b", ("c",), "failover")


def test_the_events_of_a_failover_carry_what_readers_need() -> None:
    story = Story().sees("a", BUSY).later(4).sees("a", BUSY, times=2)
    opened, moved = story.said(EventType.PROVIDER_OPENED)[0].data, story.said(EventType.FAILOVER_HAPPENED)[0].data
    assert opened["failure_kind"] == "transient"
    assert opened["seconds_to_detect"] == 4.0
    assert (moved["stream"], moved["from"], moved["to"], moved["epoch"]) == ("mail", "a", "b", story.flag.epoch)
    assert moved["incident"] == opened["incident"] == story.fleet.incidents["provider/a"].id
    assert story.fleet.incidents["provider/a"].streams == ("mail",)


@pytest.mark.parametrize("failure", [NO_SUCH_USER, OURS], ids=["recipient", "local"])
def test_a_failure_that_is_not_the_providers_moves_no_breaker(failure: object) -> None:
    story = Story().sees("a", failure, probe=ProbeKind.ENVELOPE, times=30)  # type: ignore[arg-type]
    assert story.state("a") is CLOSED
    assert story.breaker("a").runs == {}


def test_a_bad_recipient_is_a_success_of_the_login() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=2)
    story.sees("a", NO_SUCH_USER, probe=ProbeKind.ENVELOPE)
    assert story.breaker("a").runs == {}


def test_a_rate_limit_adds_to_no_run() -> None:
    assert Story().logs_in("a", THROTTLED, times=10).state("a") is CLOSED


def test_a_green_port_cannot_clear_failing_logins() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=2).sees("a").logs_in("a", LOGIN_BUSY)
    assert story.state("a") is OPEN


def test_a_green_login_cannot_clear_failing_sends() -> None:
    story = Story(round_trip=True).sends("a", DATA_BROKEN, times=2).logs_in("a").sends("a", DATA_BROKEN)
    assert story.state("a") is OPEN


def test_a_success_clears_the_runs_of_its_depth_and_of_shallower_ones() -> None:
    story = Story().sees("a", BUSY, times=2).logs_in("a")
    assert story.breaker("a").runs == {}


def test_a_failure_proves_that_what_lies_before_it_works() -> None:
    story = Story().sees("a", BUSY, times=2).logs_in("a", LOGIN_BUSY)
    assert list(story.breaker("a").runs) == [Depth.LOGIN]


# -- bursts -----------------------------------------------------------------------------------------------------------


def test_the_first_failure_starts_two_confirmations_two_seconds_apart() -> None:
    story = Story().later(100).sees("a", BUSY).later(30)
    assert story.wanted(Purpose.CONFIRM) == [(102.0, "a", "port"), (104.0, "a", "port")]


def test_confirmations_look_at_the_depth_that_failed() -> None:
    story = Story().logs_in("a", LOGIN_BUSY).later(30)
    assert story.wanted(Purpose.CONFIRM) == [(2.0, "a", "login"), (4.0, "a", "login")]


def test_the_first_success_stops_the_confirmations() -> None:
    story = Story().sees("a", BUSY).later(2).sees("a", purpose=Purpose.CONFIRM).later(30)
    assert len(story.wanted(Purpose.CONFIRM)) == 1


def test_a_probe_still_unanswered_is_confirmed_before_its_deadline() -> None:
    story = Story().later(5).overdue("a").later(30)
    assert story.wanted(Purpose.CONFIRM) == [(7.0, "a", "port"), (9.0, "a", "port")]


def test_a_failing_active_provider_has_every_flip_candidate_probed_at_once() -> None:
    story = Story().later(100).sees("a", BUSY)
    assert story.wanted(Purpose.CANDIDATE) == [(100.0, "b", "port"), (100.0, "c", "port")]
    assert story.last.look_at_references


def test_a_deeper_failure_starts_confirmations_of_its_own() -> None:
    story = Story().sees("a", BUSY).later(1).logs_in("a", LOGIN_BUSY).later(30)
    assert story.wanted(Purpose.CONFIRM) == [(3.0, "a", "login"), (5.0, "a", "login")]


# -- account ----------------------------------------------------------------------------------------------------------


def test_two_refused_logins_open_and_the_sentence_says_that_the_fix_is_ours() -> None:
    story = Story().logs_in("a", BAD_LOGIN).later(5)
    assert story.wanted(Purpose.CONFIRM) == [(5.0, "a", "login")]
    story.logs_in("a", BAD_LOGIN, purpose=Purpose.CONFIRM)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: 2 login probes failed in a row (auth: 535 5.7.8 bad credentials); "
        "the fix is ours: check our user name and password there"
    )
    assert story.said(EventType.PROVIDER_OPENED)[0].data["owner"] == "account"


def test_a_late_login_that_is_refused_is_confirmed_once_and_after_a_pause() -> None:
    story = Story().later(5).overdue("a", ProbeKind.LOGIN).later(1)
    story.logs_in("a", BAD_LOGIN, took=6).later(60)
    assert story.wanted(Purpose.CONFIRM) == [(11.0, "a", "login")]


@pytest.mark.parametrize("failure", [SUSPENDED, QUOTA], ids=["suspended", "quota"])
def test_a_suspended_or_spent_account_opens_as_soon_as_it_is_confirmed(failure: object) -> None:
    story = Story().sees("a", failure, probe=ProbeKind.ENVELOPE)  # type: ignore[arg-type]
    assert story.state("a") is CLOSED
    story.sees("a", failure, probe=ProbeKind.ENVELOPE)  # type: ignore[arg-type]
    assert story.state("a") is OPEN


# -- silence needs a witness ------------------------------------------------------------------------------------------


def test_silence_alone_opens_nothing() -> None:
    story = Story().sees("a", REFUSED, times=8)
    assert story.state("a") is CLOSED


def test_silence_that_outlasts_anothers_answer_opens() -> None:
    story = Story().sees("a", REFUSED).later(1).sees("b").later(1).sees("a", REFUSED, times=2)
    assert story.state("a") is OPEN


def test_anothers_refusal_in_smtp_is_an_answer_too() -> None:
    story = Story().sees("a", REFUSED).later(1).sees("b", BUSY).later(1).sees("a", REFUSED, times=2)
    assert story.state("a") is OPEN


def test_a_reference_is_a_witness() -> None:
    story = Story("a").sees("a", REFUSED).later(1).reference().later(1).sees("a", REFUSED, times=2)
    assert story.state("a") is OPEN


def test_an_answer_to_an_attempt_from_before_the_silence_proves_nothing() -> None:
    story = Story().later(10).sees("a", REFUSED).sees("b", took=2).later(2).sees("a", REFUSED, times=2)
    assert story.state("a") is CLOSED


def test_a_gap_of_our_own_network_that_has_ended_opens_nothing() -> None:
    """All three attempts were made within the gap; that somebody answers after it says nothing of them."""
    story = Story().later(5).overdue("a").later(14).sees("a", SILENT, took=10, times=3)
    story.later(1).sees("b")
    assert story.state("a") is CLOSED


# -- stale results ----------------------------------------------------------------------------------------------------


def test_results_of_attempts_begun_before_a_transition_do_not_count_after_it() -> None:
    story = Story().later(20).breaks("a").later(60)
    assert story.state("a") is BreakerState.HALF_OPEN
    story.sees("a", took=70, purpose=Purpose.TRIAL)
    opening = story.breaker("a").opening
    assert opening is not None
    assert opening.good_trials == 0


def test_an_observation_of_an_unknown_provider_is_no_fact() -> None:
    story = Story()
    before = story.fleet
    assert story.sees("nobody", BUSY).fleet is before


# -- slow -------------------------------------------------------------------------------------------------------------


def test_three_slow_answers_of_the_last_five_make_a_provider_slow_and_it_says_so_once() -> None:
    story = Story().later(100)
    for took in (6, 0.1, 6, 6, 6):
        story.later(15).sees("a", took=took)
    assert story.because(EventType.PROVIDER_SLOW) == "a is slow: 3 of the last 4 answers took longer than 5 s"
    assert len(story.said(EventType.PROVIDER_SLOW)) == 1
    assert story.state("a") is CLOSED
    for _ in range(4):
        story.later(15).sees("a", took=0.1)
    assert story.because(EventType.PROVIDER_NORMAL) == "a answers within 5 s again"
