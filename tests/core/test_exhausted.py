"""When no provider is closed."""

import pytest

from mailover.core.breaker import BreakerState
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.observations import ProbeKind, Purpose
from mailover.core.providers import WhenExhausted

from .story import BAD_LOGIN, BUSY, DATA_BROKEN, LOGIN_BUSY, SUSPENDED, Story


def exhausted(**stream: object) -> Story:
    return Story(**stream).breaks("c").breaks("b").breaks("a")  # type: ignore[arg-type]


def test_least_bad_keeps_sending_through_the_one_that_failed_least() -> None:
    story = Story()
    for n in range(1, 21):
        story.later(15).sees("b", BUSY if n % 4 == 0 else None)
    story.breaks("c").breaks("a")
    assert (story.flag.provider, story.flag.mode, story.flag.sending) == ("b", Mode.EXHAUSTED, True)
    assert story.flag.because == "every provider is out: a, b and c; b failed least"


def test_equally_bad_the_active_one_stays() -> None:
    story = exhausted()
    assert (story.flag.provider, story.flag.mode) == ("a", Mode.EXHAUSTED)
    assert story.flag.fallbacks == ()
    assert story.said(EventType.FAILOVER_HAPPENED) == []


@pytest.mark.parametrize(("how", "words"), [("hold", "mail is held"), ("test", "mail is only logged")])
def test_hold_and_test_name_nobody(how: str, words: str) -> None:
    story = exhausted(when_exhausted=WhenExhausted(how))
    assert (story.flag.provider, story.flag.mode, story.flag.sending) == (None, Mode.EXHAUSTED, False)
    assert story.because(EventType.STREAM_EXHAUSTED) == (
        f"every provider is out: a, b and c; {words} until one is back"
    )
    assert story.said(EventType.STREAM_EXHAUSTED)[0].severity == "critical"


@pytest.mark.parametrize("how", ["hold", "least_bad"])
def test_the_first_good_trial_takes_the_flag(how: str) -> None:
    story = exhausted(when_exhausted=WhenExhausted(how))
    story.until_trial("c")
    story.sees("c", purpose=Purpose.TRIAL)
    assert (story.flag.provider, story.flag.mode, story.flag.sending) == ("c", Mode.EXHAUSTED, True)
    assert story.flag.because == "every provider is out, but c answers again"


def test_a_reported_success_takes_the_flag_too() -> None:
    story = exhausted(when_exhausted=WhenExhausted.HOLD).later(10).told("b")
    assert (story.flag.provider, story.flag.sending) == ("b", True)


def test_the_stream_has_recovered_when_a_breaker_closes() -> None:
    story = exhausted().recovers("c")
    assert (story.flag.provider, story.flag.mode) == ("c", Mode.FAILOVER)
    assert story.because(EventType.STREAM_RECOVERED) == "mail is carried by c again"


def test_it_is_told_once_however_long_it_lasts() -> None:
    story = exhausted()
    for _ in range(20):
        story.later(30)
        for name in "abc":
            story.sees(name, BUSY)
    assert len(story.said(EventType.STREAM_EXHAUSTED)) == 1
    assert story.said(EventType.STREAM_RECOVERED) == []


def test_open_times_do_not_apply_while_nobody_is_left() -> None:
    story = Story().sees("b", SUSPENDED, times=2).breaks("c").later(90).breaks("a")
    story.later(1)
    assert story.state("b") is BreakerState.HALF_OPEN


def test_but_refused_logins_rest_all_the_same() -> None:
    story = Story().logs_in("b", BAD_LOGIN, times=2).breaks("c").breaks("a").later(minutes=4)
    assert story.state("b") is BreakerState.OPEN


def test_a_trial_that_is_overdue_when_the_last_one_falls_starts_in_the_same_decision() -> None:
    story = Story().logs_in("b", LOGIN_BUSY, times=3)
    for _ in range(4):
        probe = story.until_trial("b")
        story.sees("b", LOGIN_BUSY, probe=probe, purpose=Purpose.TRIAL)
    story.breaks("c").later(100).breaks("a")
    assert ("b", "login") in [(name, probe) for _, name, probe in story.wanted(Purpose.TRIAL)[-2:]]
    assert story.state("b") is BreakerState.HALF_OPEN


def test_one_lone_reporter_of_failures_everywhere_does_not_chase_the_flag_around() -> None:
    story = Story()
    for _ in range(3600):
        story.later(1)
        if story.flag.provider is not None:
            story.told(story.flag.provider, DATA_BROKEN)
        for _, name, probe, purpose in story.orders:
            story.sees(name, probe=ProbeKind(probe), purpose=Purpose(purpose))
        story.orders.clear()
    moves = story.said(EventType.FAILOVER_HAPPENED) + story.said(EventType.FAILBACK_HAPPENED)
    assert len(moves) <= 20
