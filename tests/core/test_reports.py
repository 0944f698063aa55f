"""What applications tell: verified at once, and counted as ballots."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from mailover.core.breaker import BreakerState
from mailover.core.events import EventType
from mailover.core.observations import Depth, FailureKind, Observation, Purpose, Stage

from .story import (
    BAD_LOGIN,
    BUSY,
    DATA_BROKEN,
    LOGIN_BUSY,
    NO_SUCH_USER,
    REFUSED,
    SILENT,
    THROTTLED,
    Story,
    fault,
    policy_of,
)

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def test_a_report_starts_two_probes_at_its_depth_at_once() -> None:
    story = Story().told("a", LOGIN_BUSY)
    assert story.wanted(Purpose.VERIFY) == [(0.0, "a", "login"), (0.0, "a", "login")]


def test_a_report_and_both_probes_failing_open_the_breaker() -> None:
    story = Story().told("a", BUSY).sees("a", BUSY, purpose=Purpose.VERIFY)
    assert story.state("a") is CLOSED
    story.sees("a", BUSY, purpose=Purpose.VERIFY)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: shop reports a failure and 2 probes agreed (banner: 421 too busy)"
    )


def test_a_report_of_a_refused_login_starts_one_login_only_and_one_is_enough() -> None:
    story = Story().told("a", BAD_LOGIN)
    assert story.wanted(Purpose.VERIFY) == [(0.0, "a", "login")]
    assert story.logs_in("a", BAD_LOGIN, purpose=Purpose.VERIFY).state("a") is OPEN


def test_a_report_from_deeper_is_verified_by_a_round_trip_where_there_is_one() -> None:
    story = Story(round_trip=True).told("a", DATA_BROKEN)
    assert story.wanted(Purpose.VERIFY) == [(0.0, "a", "round_trip")] * 2


def test_else_by_an_envelope_without_data_or_where_no_sender_is_known_a_login() -> None:
    assert Story().told("a", DATA_BROKEN).wanted(Purpose.VERIFY) == [(0.0, "a", "envelope")] * 2
    policy = policy_of()
    nameless = {name: replace(provider, sender="") for name, provider in policy.providers.items()}
    story = Story(replace(policy, providers=nameless)).told("a", DATA_BROKEN)
    assert story.wanted(Purpose.VERIFY) == [(0.0, "a", "login")] * 2


def test_one_success_contradicts_the_report_and_nothing_opens() -> None:
    story = Story().told("a", BUSY).sees("a", purpose=Purpose.VERIFY).sees("a", BUSY, purpose=Purpose.VERIFY)
    assert story.state("a") is CLOSED


def test_at_most_one_verification_a_second() -> None:
    story = Story()
    for _ in range(10):
        story.told("a", BUSY).later(0.05).sees("a", purpose=Purpose.VERIFY)
    assert len(story.wanted(Purpose.VERIFY)) == 2


def test_a_contradicted_reporter_is_mute_for_two_seconds_doubling_to_a_minute() -> None:
    story = Story()
    for _ in range(3000):
        story.told("a", BUSY).sees("a", purpose=Purpose.VERIFY).later(0.1)
    starts = sorted({at for at, _, _ in story.wanted(Purpose.VERIFY)})
    gaps = [round(later - earlier) for earlier, later in pairwise(starts)]
    assert gaps[:7] == [2, 4, 8, 16, 32, 60, 60]


def test_a_mute_reporter_does_not_silence_another() -> None:
    story = Story().told("a", BUSY, by="liar").sees("a", purpose=Purpose.VERIFY).later(1.5)
    story.told("a", BUSY, by="liar").told("a", BUSY, by="honest")
    verification = story.breaker("a").verification
    assert verification is not None
    assert verification.reporter == "honest"


def test_a_reporter_proved_right_has_its_full_word_again() -> None:
    story = Story().told("a", BUSY).sees("a", purpose=Purpose.VERIFY).later(10)
    story.told("a", BUSY).sees("a", BUSY, purpose=Purpose.VERIFY, times=2)
    assert story.state("a") is OPEN
    assert story.fleet.reporters == {}


def test_a_mute_is_forgotten_after_a_quiet_hour() -> None:
    story = Story().told("a", BUSY).sees("a", purpose=Purpose.VERIFY).later(minutes=120)
    story.told("a", BUSY).sees("a", purpose=Purpose.VERIFY)
    assert story.fleet.reporters["shop"].mute == story.policy.reports.mute


def test_bad_recipients_verify_nothing() -> None:
    story = Story().told("a", NO_SUCH_USER, count=20)
    assert story.wanted(Purpose.VERIFY) == []
    assert story.state("a") is CLOSED


def test_a_reported_rate_limit_is_remembered_and_opens_nothing() -> None:
    story = Story().told("a", THROTTLED, count=20)
    assert story.state("a") is CLOSED
    assert story.wanted(Purpose.VERIFY) == []
    assert story.breaker("a").failures[-1].reporter == "shop"


def test_a_silent_verification_needs_a_witness_from_the_same_moment() -> None:
    story = Story().told("a", REFUSED).sees("a", SILENT, purpose=Purpose.VERIFY, times=2)
    assert story.state("a") is CLOSED
    assert story.sees("b").state("a") is OPEN


def test_an_answer_long_after_a_silent_verification_proves_nothing() -> None:
    story = Story().told("a", REFUSED).later(9).sees("a", SILENT, purpose=Purpose.VERIFY, took=9, times=2)
    assert story.sees("b").state("a") is CLOSED


# -- ballots ----------------------------------------------------------------------------------------------------------


def test_a_single_application_can_open_a_provider_that_breaks_where_no_probe_looks() -> None:
    story = Story().told("a", DATA_BROKEN, count=4)
    assert story.state("a") is CLOSED
    story.told("a", DATA_BROKEN)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: most applications report failures (100 % of sends, end_data: 451 local error)"
    )


def test_a_single_application_cannot_open_one_at_a_depth_that_probes_look_at() -> None:
    assert Story().told("a", BUSY, count=20).told("a", LOGIN_BUSY, count=20).state("a") is CLOSED


def test_two_applications_can_at_any_depth() -> None:
    story = Story().told("a", BUSY, by="shop", count=5).told("a", BUSY, by="crm", count=5)
    assert story.state("a") is OPEN


def test_one_liar_among_three_cannot() -> None:
    story = Story().told("a", by="shop", count=20).told("a", by="crm", count=20)
    assert story.told("a", DATA_BROKEN, by="liar", count=20).state("a") is CLOSED


def test_half_of_the_voters_is_no_majority() -> None:
    story = Story().told("a", by="crm", count=20)
    assert story.told("a", DATA_BROKEN, by="shop", count=20).state("a") is CLOSED


def test_mail_that_comes_through_meanwhile_speaks_against_a_lone_voter() -> None:
    story = Story().told("a", DATA_BROKEN, by="liar", count=4).later(1).told("a", by="shop")
    assert story.told("a", DATA_BROKEN, by="liar").state("a") is CLOSED


def test_five_failures_must_be_a_quarter_of_the_voters_last_twenty() -> None:
    story = Story().told("a", count=20)
    for _ in range(4):
        story.told("a", DATA_BROKEN)
    assert story.state("a") is CLOSED
    story.told("a", DATA_BROKEN)
    assert story.state("a") is OPEN
    assert "(25 % of sends" in story.because(EventType.PROVIDER_OPENED)


def test_ballots_are_forgotten_after_an_hour() -> None:
    story = Story().told("a", DATA_BROKEN, count=4).later(minutes=61).told("a", DATA_BROKEN)
    assert story.state("a") is CLOSED


def test_a_bad_recipient_is_a_ballot_for_the_login_only() -> None:
    story = Story().told("a", NO_SUCH_USER, count=20)
    assert {outcome.depth for outcome in story.breaker("a").ballots["shop"]} == {Depth.LOGIN}
    assert all(outcome.ok for outcome in story.breaker("a").ballots["shop"])


def test_silent_ballots_need_a_witness_while_they_were_cast() -> None:
    story = Story().told("a", SILENT, by="shop", count=5).told("a", SILENT, by="crm", count=5)
    assert story.state("a") is CLOSED
    story.later(20).sees("b")
    assert story.told("a", by="mailer").state("a") is CLOSED
    assert story.later(5).told("a", SILENT, by="crm").state("a") is OPEN


def test_a_network_of_ours_that_cuts_all_mail_under_way_opens_nobody() -> None:
    broken_off = fault(FailureKind.TIMEOUT, Stage.END_DATA, text="no answer to a whole message")
    broken_off = replace(broken_off, replied=True)
    story = Story().told("a", broken_off, count=10).later(5)
    assert story.state("a") is CLOSED
    assert story.sees("a", purpose=Purpose.VERIFY).state("a") is OPEN, "it answers: the network is there"
    story = Story().told("a", broken_off, count=10).sees("b")
    assert story.state("a") is OPEN, "another one answers"


def test_what_mail_met_that_was_begun_before_the_breaker_closed_does_not_count() -> None:
    story = Story().breaks("a").recovers("a")
    begun = story.breaker("a").since - timedelta(minutes=9)
    late = Observation(
        provider="a",
        purpose=Purpose.REPORT,
        depth=Depth.SEND,
        failure=DATA_BROKEN,
        started_at=begun,
        finished_at=story.now,
        reporter="relay",
        count=10,
    )
    story.hear(late)
    assert story.state("a") is CLOSED
    assert not story.breaker("a").ballots


def test_on_a_noisy_network_silent_ballots_do_not_count() -> None:
    story = Story()
    for n in range(30):
        story.later(15).reference(answered=n % 5 != 0)
    story.told("a", SILENT, by="shop", count=9).told("a", SILENT, by="crm", count=9).reference()
    assert story.told("a", SILENT, by="crm").state("a") is CLOSED


def test_reports_heard_while_blind_are_not_counted() -> None:
    story = Story()
    for name in "abc":
        story.sees(name, SILENT)
    story.later(17)
    assert story.fleet.blindness is not None
    assert story.told("a", DATA_BROKEN, count=20).breaker("a").ballots == {}
