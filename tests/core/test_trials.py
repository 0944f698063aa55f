"""How an open breaker gets its way back."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from mailover.core.breaker import BreakerState
from mailover.core.decide import may_probe
from mailover.core.events import EventType
from mailover.core.observations import Failure, ProbeKind, Purpose

from .story import (
    BAD_LOGIN,
    BUSY,
    DATA_BROKEN,
    LOGIN_BUSY,
    MAIL_BUSY,
    NO_SUCH_USER,
    OURS,
    QUOTA,
    SUSPENDED,
    Story,
    policy_of,
)

HALF_OPEN, OPEN, CLOSED = BreakerState.HALF_OPEN, BreakerState.OPEN, BreakerState.CLOSED


def trial_spans(story: Story, failure: Failure, trials: int) -> list[float]:
    """How long each of so many failing trials let itself be waited for, from the opening on."""
    spans = []
    for _ in range(trials):
        before = story.seconds
        probe = story.until_trial("a")
        spans.append(story.seconds - before)
        story.sees("a", failure, probe=probe, purpose=Purpose.TRIAL)
    return spans


def test_at_the_port_trials_come_every_minute_since_they_cost_nothing() -> None:
    assert trial_spans(Story().breaks("a"), BUSY, 5) == [60, 60, 60, 60, 60]


def test_deeper_trials_double_up_to_half_an_hour() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3)
    assert trial_spans(story, LOGIN_BUSY, 7) == [60, 120, 240, 480, 960, 1800, 1800]


def test_refused_logins_are_tried_after_five_minutes_doubling_to_an_hour() -> None:
    story = Story().logs_in("a", BAD_LOGIN, times=2)
    assert trial_spans(story, BAD_LOGIN, 6) == [300, 600, 1200, 2400, 3600, 3600]


def test_no_scheduled_login_while_open_for_auth_but_the_port_is_still_watched() -> None:
    story = Story().logs_in("a", BAD_LOGIN, times=2)
    probes = [probe for probe in ProbeKind if may_probe(story.fleet, "a", probe)]
    assert probes == [ProbeKind.PORT]


def test_probes_of_an_enabled_provider_never_stop_for_any_other_reason() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3)
    assert all(may_probe(story.fleet, "a", probe) for probe in ProbeKind)


def test_a_suspended_account_is_tried_after_a_quarter_of_an_hour() -> None:
    assert trial_spans(Story().logs_in("a", SUSPENDED, times=2), SUSPENDED, 2) == [900, 1800]


def test_a_spent_quota_is_tried_when_it_starts_anew() -> None:
    """It is 9:00; the quota starts anew at 10:30."""
    policy = policy_of()
    a = replace(policy.providers["a"], quota_resets=time(10, 30))
    story = Story(replace(policy, providers={**policy.providers, "a": a}))
    story.sees("a", QUOTA, probe=ProbeKind.ENVELOPE, times=2)
    assert trial_spans(story, QUOTA, 1) == [5400]


def test_two_good_trials_in_a_row_close_it() -> None:
    story = Story().breaks("a")
    story.until_trial("a")
    assert story.state("a") is HALF_OPEN
    story.sees("a", purpose=Purpose.TRIAL)
    assert story.state("a") is HALF_OPEN
    story.until_trial("a")
    story.sees("a", purpose=Purpose.TRIAL)
    assert story.state("a") is CLOSED
    assert story.because(EventType.PROVIDER_CLOSED) == "a is back: it answered 2 trials in a row, out for 2 min"
    assert story.fleet.incidents == {}


def test_a_failing_second_trial_starts_the_count_anew() -> None:
    story = Story().breaks("a")
    for failure in (None, BUSY, None):
        story.until_trial("a")
        story.sees("a", failure, purpose=Purpose.TRIAL)
    assert story.state("a") is HALF_OPEN


def test_only_trials_close_it_however_green_the_scheduled_probes_are() -> None:
    story = Story().breaks("a")
    for _ in range(3):
        story.later(15).sees("a")
    assert story.state("a") is OPEN


def test_a_trial_by_hand_counts_as_one() -> None:
    story = Story().breaks("a")
    story.until_trial("a")
    story.sees("a", purpose=Purpose.MANUAL)
    story.until_trial("a")
    story.sees("a", purpose=Purpose.MANUAL)
    assert story.state("a") is CLOSED


def test_a_trial_that_never_comes_back_counts_as_failed() -> None:
    story = Story().breaks("a")
    story.until_trial("a")
    story.later(30)
    assert story.state("a") is OPEN
    story.until_trial("a")
    assert story.state("a") is HALF_OPEN


def test_a_trial_that_our_own_machine_spoiled_is_made_again() -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3)
    story.until_trial("a")
    story.logs_in("a", OURS, purpose=Purpose.TRIAL).sees("b")
    assert story.state("a") is OPEN
    before = story.seconds
    story.until_trial("a")
    assert story.seconds - before == 60


def test_closing_clears_runs_and_windows() -> None:
    story = Story().breaks("a").recovers("a")
    assert story.breaker("a").runs == {}
    assert story.breaker("a").windows == {}


def test_an_outage_that_turns_into_refused_logins_lets_logins_rest() -> None:
    """The port came back with another password: whatever opened the breaker, logins must not lock the account."""
    story = Story().breaks("a").later(30).logs_in("a", BAD_LOGIN)
    assert may_probe(story.fleet, "a", ProbeKind.LOGIN)
    story.later(60).logs_in("a", BAD_LOGIN)
    assert not may_probe(story.fleet, "a", ProbeKind.LOGIN)
    before = story.seconds
    assert story.until_trial("a") is ProbeKind.LOGIN
    assert story.seconds - before == 300


def test_a_rate_of_refused_logins_is_left_by_trials_since_logins_rest() -> None:
    story = Story()
    for failing in (False, False, False, True) * 6:
        story.later(20).logs_in("a", BAD_LOGIN if failing else None)
    assert story.said(EventType.PROVIDER_OPENED)[0].data["cause"] == "ratio"
    assert story.until_trial("a") is ProbeKind.LOGIN


# -- probation --------------------------------------------------------------------------------------------------------


def closed_on_probation() -> Story:
    return Story().told("a", DATA_BROKEN, count=5).recovers("a")


def test_where_no_probe_reaches_the_depth_logins_close_on_probation() -> None:
    story = closed_on_probation()
    assert story.because(EventType.PROVIDER_CLOSED) == (
        "a is back: it answered 2 trials in a row; on probation until 2026-01-05T09:07:00Z, "
        "since no probe reaches send, out for 2 min"
    )


def test_on_probation_one_report_at_that_depth_reopens_it() -> None:
    story = closed_on_probation().told("a", DATA_BROKEN)
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: shop reports a failure at the depth on probation (end_data: 451 local error)"
    )


def test_a_breaker_that_mail_reopened_waits_twice_as_long_for_its_next_trial() -> None:
    story = closed_on_probation().told("a", DATA_BROKEN)
    before = story.seconds
    story.until_trial("a")
    assert story.seconds - before == 120


def test_after_probation_one_report_reopens_nothing() -> None:
    story = closed_on_probation().later(minutes=10.1)
    assert story.flag.provider == "a"
    assert story.told("a", DATA_BROKEN).state("a") is CLOSED


def test_probation_lasts_until_mail_has_gone_through_it_again() -> None:
    """While the flag is elsewhere nobody sends there: the probation starts anew when the flag returns."""
    story = closed_on_probation().later(minutes=4).sees("a").later(minutes=1)
    assert story.flag.provider == "a"
    assert story.later(minutes=4).told("a", DATA_BROKEN).state("a") is OPEN


def test_a_failure_at_another_depth_breaks_no_probation() -> None:
    assert closed_on_probation().told("a", LOGIN_BUSY).state("a") is CLOSED


def test_a_trial_whose_recipient_is_refused_closes_on_probation() -> None:
    story = Story().sees("a", MAIL_BUSY, probe=ProbeKind.ENVELOPE, times=3)
    for _ in range(2):
        assert story.until_trial("a") is ProbeKind.ENVELOPE
        story.sees("a", NO_SUCH_USER, probe=ProbeKind.ENVELOPE, purpose=Purpose.TRIAL)
    assert story.state("a") is CLOSED
    assert story.breaker("a").probation is not None


@pytest.mark.parametrize("minutes", [1, 59])
def test_half_open_always_has_a_way_out(minutes: int) -> None:
    story = Story().logs_in("a", LOGIN_BUSY, times=3).later(minutes=minutes)
    opening = story.breaker("a").opening
    assert opening is not None
    assert (opening.trial_at or opening.trial_expires_at) is not None
    assert story.wake_at is not None
    assert story.wake_at - story.now <= timedelta(minutes=30)


def test_closing_at_the_port_does_not_forget_a_refused_login() -> None:
    """One more of them would be one too many for a provider that locks accounts."""
    story = Story().breaks("a")
    story.until_trial("a")
    story.sees("a", purpose=Purpose.TRIAL).logs_in("a", BAD_LOGIN)
    story.until_trial("a")
    story.sees("a", purpose=Purpose.TRIAL)
    assert story.state("a") is CLOSED
    assert story.logs_in("a", BAD_LOGIN).state("a") is OPEN
