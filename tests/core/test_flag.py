"""Who may enter the flag, who may stay, and when an open one is left."""

from datetime import UTC, time, timedelta

from mailover.core.commands import DisableProvider, EnableProvider, PinProvider
from mailover.core.events import EventType
from mailover.core.fleet import Mode
from mailover.core.providers import PeakHours

from .story import BUSY, LOGIN_BUSY, REFUSED, Story, policy_of


def test_before_the_first_probe_the_flag_names_the_first_in_order() -> None:
    story = Story()
    assert story.flag.body() == {
        "stream": "mail",
        "provider": "a",
        "host": "a.example",
        "port": 587,
        "tls": "starttls",
        "from": "app@a.example",
        "fallbacks": ["b", "c"],
        "weights": {"a": 1.0},
        "mode": "normal",
        "sending": True,
        "because": "a is first in order and not yet probed",
        "epoch": 1,
        "since": "2026-01-05T09:00:00Z",
        "valid_for_seconds": 60,
    }


def test_a_provider_not_yet_probed_may_enter() -> None:
    assert Story().breaks("a").flag.provider == "b"


def test_a_candidate_with_an_open_run_is_passed_over() -> None:
    assert Story().sees("b", BUSY).breaks("a").flag.provider == "c"


def test_an_open_run_is_enough_to_stay() -> None:
    assert Story().sees("a", BUSY, times=2).flag.provider == "a"


def test_a_lost_probe_of_a_spare_wakes_no_reader() -> None:
    story = Story()
    epoch = story.flag.epoch
    assert story.sees("b", BUSY).flag.epoch == epoch
    assert story.flag.fallbacks == ("b", "c")


def test_an_open_spare_leaves_the_fallbacks_and_the_epoch_grows() -> None:
    story = Story()
    epoch = story.flag.epoch
    assert story.breaks("b").flag.fallbacks == ("c",)
    assert story.flag.epoch == epoch + 1


def test_the_sentence_of_the_flag_is_not_touched_while_its_epoch_stays() -> None:
    story = Story().breaks("a")
    body = story.flag.body()
    assert story.sees("b").later(10).sees("b").flag.body() == body


def test_since_is_when_the_provider_last_changed() -> None:
    story = Story().later(30).breaks("a")
    moved_at = story.flag.since
    assert moved_at == story.now
    assert story.later(5).breaks("c").flag.since == moved_at


def test_the_flag_of_several_failures_names_the_first_one_left() -> None:
    assert Story("abcd").breaks("a").breaks("b").flag.provider == "c"


# -- waiting for confirmations ----------------------------------------------------------------------------------------


def cornered() -> Story:
    """The active provider is out while every candidate has an open run."""
    return Story().later(60).sees("b", BUSY).sees("c", BUSY).breaks("a")


def test_when_every_candidate_has_an_open_run_the_flag_waits_for_their_confirmations() -> None:
    assert cornered().flag.provider == "a"


def test_it_takes_the_first_candidate_that_is_confirmed_as_healthy() -> None:
    assert cornered().later(2).sees("c").flag.provider == "c"


def test_it_waits_for_no_longer_than_a_confirmation_takes() -> None:
    story = cornered().later(13.9)
    assert story.flag.provider == "a"
    assert story.later(0.1).flag.provider == "b"


def test_nothing_holds_the_flag_on_an_open_provider_however_often_it_moved() -> None:
    story = Story()
    for provider in "abc" * 3:
        others = set("abc") - {provider}
        for name in sorted(others):
            if not story.breaker(name).closed:
                story.recovers(name)
        story.later(1)
        if story.flag.provider == provider:
            story.breaks(provider)
            assert story.flag.provider != provider


# -- DNS --------------------------------------------------------------------------------------------------------------


def test_with_require_dns_a_provider_without_dns_may_not_enter() -> None:
    story = Story(require_dns=True).dns("b", "none").breaks("a")
    assert story.flag.provider == "c"
    assert story.flag.fallbacks == ()


def test_with_require_dns_an_unknown_verdict_is_no_obstacle() -> None:
    assert Story(require_dns=True).dns("b", "unknown").breaks("a").flag.provider == "b"


def test_losing_its_dns_does_not_push_the_active_provider_out() -> None:
    assert Story(require_dns=True).dns("a", "none").flag.provider == "a"


def test_where_no_candidate_has_dns_one_without_is_better_than_an_open_one() -> None:
    story = Story(require_dns=True).dns("b", "none").dns("c", "none").breaks("a")
    assert story.flag.provider == "b"


def test_without_require_dns_the_verdict_does_not_matter() -> None:
    assert Story().dns("b", "none").breaks("a").flag.provider == "b"


# -- spares -----------------------------------------------------------------------------------------------------------


def test_a_missing_spare_is_told_before_it_is_needed() -> None:
    story = Story().breaks("b").breaks("c")
    assert story.because(EventType.STREAM_NO_SPARE) == ("mail has no healthy spare: if a fails, nobody can take over")
    story.recovers("b")
    assert story.because(EventType.STREAM_SPARE_READY) == "mail has a spare provider again"


def test_a_stream_of_one_provider_never_complains_of_a_missing_spare() -> None:
    assert Story("a").sees("a").said(EventType.STREAM_NO_SPARE) == []


# -- shadow -----------------------------------------------------------------------------------------------------------


def test_a_shadowed_provider_is_judged_but_the_flag_ignores_the_verdict() -> None:
    story = Story(policy_of(shadow="a")).breaks("a")
    assert story.flag.provider == "a"
    assert story.because(EventType.PROVIDER_OPENED) == (
        "a is out: 3 port probes failed in a row (banner: 421 too busy) (shadow: the flag ignores it)"
    )


def test_a_shadowed_provider_with_an_open_run_may_enter() -> None:
    assert Story(policy_of(shadow="b")).breaks("b").breaks("a").flag.provider == "b"


# -- peak hours -------------------------------------------------------------------------------------------------------


def peak(start: time, end: time) -> Story:
    hours = PeakHours(start=start, end=end, zone=UTC, providers=("b", "a"))
    story = Story(policy_of(peak_hours=(hours,)))
    for name in "abc":
        story.sees(name)
    return story


def test_in_peak_hours_the_stream_has_another_order_and_wakes_for_it() -> None:
    story = peak(time(9, 30), time(10, 0))
    assert story.later(minutes=29).flag.provider == "a"
    assert story.later(minutes=2).flag.provider == "b"
    assert story.later(minutes=30).flag.provider == "a"


def test_peak_hours_run_over_midnight_and_begin_on_their_days() -> None:
    hours = PeakHours(start=time(22), end=time(2), zone=UTC, days=frozenset({0}), providers=("b",))
    monday = Story().now.replace(hour=0)
    covered = [hour for hour in range(72) if hours.covers(monday + timedelta(hours=hour))]
    assert covered == [22, 23, 24, 25]


# -- disabling --------------------------------------------------------------------------------------------------------


def test_the_reason_is_what_happened_last_not_what_has_been_known_for_long() -> None:
    story = Story().ordered(DisableProvider(provider="a", by="ann")).later(minutes=20)
    story = story.ordered(DisableProvider(provider="b", by="ann"))
    assert story.flag.because == "c is the first choice left: b is disabled; a is left out as well"


def test_a_disabled_active_provider_is_left_at_once() -> None:
    story = Story().ordered(DisableProvider(provider="a", by="ann"))
    assert story.flag.provider == "b"
    assert story.flag.because == "b is the first choice left: a is disabled"
    assert story.because(EventType.PROVIDER_DISABLED) == "a was disabled by ann"


def test_with_every_provider_disabled_the_flag_says_why_it_names_none() -> None:
    story = Story("a").ordered(DisableProvider(provider="a"))
    assert (story.flag.provider, story.flag.sending) == (None, False)
    assert story.flag.because == "every provider of this stream is disabled"


def test_an_enabled_provider_starts_closed_and_is_probed_at_once() -> None:
    story = Story().breaks("b").ordered(DisableProvider(provider="b"))
    story.orders.clear()
    story.ordered(EnableProvider(provider="b", by="ann"))
    assert story.breaker("b").closed
    assert story.orders == [(0.0, "b", "port", "sight")]
    assert story.because(EventType.PROVIDER_ENABLED) == "b was enabled by ann"


def test_a_silence_from_before_it_was_disabled_does_not_blind_the_agent() -> None:
    story = Story("a").later(60).sees("a", REFUSED).ordered(DisableProvider(provider="a")).later(minutes=10)
    assert story.ordered(EnableProvider(provider="a")).later(1).flag.mode is Mode.NORMAL


def test_reopening_soon_after_being_enabled_is_no_relapse() -> None:
    story = Story().ordered(DisableProvider(provider="a")).ordered(EnableProvider(provider="a")).breaks("a")
    assert story.breaker("a").relapses == ()


# -- epochs -----------------------------------------------------------------------------------------------------------


def test_the_epoch_grows_once_for_each_change_of_the_answer() -> None:
    story = Story()
    seen = [story.flag.epoch]
    story.ordered(PinProvider(stream="mail", provider="c", until=story.now + timedelta(hours=1)))
    seen.append(story.flag.epoch)
    story.ordered(PinProvider(stream="mail", provider="c", until=story.now + timedelta(hours=2), reason="longer"))
    seen.append(story.flag.epoch)
    assert seen == [1, 2, 2]


def test_every_answer_of_the_flag_has_its_own_epoch() -> None:
    story, epochs = Story(), set()
    for provider in "abc":
        epochs.add(story.breaks(provider).flag.epoch)
    assert len(epochs) == 3


def test_a_login_failure_of_a_spare_keeps_it_from_entering_too() -> None:
    assert Story().logs_in("b", LOGIN_BUSY).breaks("a").flag.provider == "c"
