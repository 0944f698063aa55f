"""Which providers one message goes to, in which order, and when it has to wait."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailover.core.carriage import Geography, Pace
from mailover.core.commands import DisableProvider, PinProvider
from mailover.core.fleet import Mode
from mailover.core.hours import Hours
from mailover.core.providers import WhenExhausted
from mailover.core.routing import Letter, Spent, route

from .posting import EU_ONLY, ask, posts
from .story import BUSY, Story

SLOWED = Spent(closed_to_us=True)


# -- the flag's order -------------------------------------------------------------------------------------------------


def test_a_message_goes_the_flags_way_with_the_flags_reason() -> None:
    story = posts()
    told = ask(story)
    assert (told.providers, told.because) == (("a", "b", "c"), story.flag.because)
    assert not told.test
    assert not told.sticky


def test_after_a_failover_the_backup_comes_first_and_who_is_out_is_not_tried() -> None:
    told = ask(posts().breaks("a"))
    assert told.providers == ("b", "c")
    assert told.because.startswith("b is the first choice left: a is out")


def test_while_every_spare_is_being_confirmed_those_that_are_closed_go_before_the_one_that_has_opened() -> None:
    story = posts("ab").sees("b", BUSY)
    story.breaks("a")
    assert (story.flag.provider, story.flag.fallbacks) == ("a", ("b",))
    told = ask(story)
    assert (told.providers, told.because) == (("b", "a"), "b goes first: a is out")


def test_who_could_carry_it_too_but_is_out_or_used_up_is_named_as_absent() -> None:
    assert ask(posts()).absent == ()
    assert ask(posts().breaks("a")).absent == ("a",)
    assert ask(posts().breaks("a").ordered(DisableProvider(provider="a"))).absent == ()
    paced = posts(paces={"a": Pace(daily_quota=100)})
    assert ask(paced, spent={"a": Spent(today=100)}).absent == ("a",)
    bound = posts(regions={"b": ("eu",), "c": ("eu",)}, geography=(EU_ONLY,)).breaks("a", "b")
    assert ask(bound, "ann@example.de").absent == ("b",)


def test_a_pin_goes_first_even_when_its_provider_is_out() -> None:
    story = posts()
    story.ordered(PinProvider(stream="mail", provider="b", until=story.now + timedelta(hours=1))).breaks("b")
    assert ask(story).providers == ("b", "a", "c")


def test_a_stream_that_the_config_has_no_more_waits_and_says_so() -> None:
    story = posts()
    told = route(story.fleet, story.policy, Letter(stream="gone"), story.now)
    assert (told.providers, told.because) == ((), "the config has no stream 'gone'")


# -- nobody is left ---------------------------------------------------------------------------------------------------


def test_held_mail_waits_for_whoever_recovers_first() -> None:
    told = ask(posts(stream={"when_exhausted": WhenExhausted.HOLD}).breaks("c").breaks("b").breaks("a"))
    assert (told.providers, told.waiting_for, told.wake_at, told.test) == ((), "any", None, False)
    assert told.because == "every provider is out: a, b and c; mail is held until one is back"


def test_in_test_mode_nothing_is_sent_and_nothing_waits() -> None:
    told = ask(posts(stream={"when_exhausted": WhenExhausted.TEST}).breaks("c").breaks("b").breaks("a"))
    assert (told.providers, told.test) == ((), True)


def test_the_least_bad_is_tried_when_that_is_wished() -> None:
    story = posts().breaks("c").breaks("b").breaks("a")
    assert story.flag.mode is Mode.EXHAUSTED
    assert ask(story).providers == (story.flag.provider,)


def test_with_every_provider_disabled_mail_waits() -> None:
    story = posts("a").ordered(DisableProvider(provider="a"))
    assert (ask(story).providers, ask(story).waiting_for) == ((), "any")


# -- quotas and throttling --------------------------------------------------------------------------------------------


def test_a_provider_is_left_before_its_daily_quota_is_exceeded() -> None:
    story = posts(paces={"a": Pace(daily_quota=100)})
    assert ask(story, spent={"a": Spent(today=99)}).providers == ("a", "b", "c")
    told = ask(story, spent={"a": Spent(today=100)})
    assert (told.providers, told.because) == (("b", "c"), "a has taken its 100 of today")


def test_when_all_quotas_are_used_up_mail_waits_for_the_first_that_begins_anew() -> None:
    story = posts("ab", paces={"a": Pace(daily_quota=5), "b": Pace(daily_quota=5)})
    told = ask(story, spent={"a": Spent(today=5), "b": Spent(today=7)})
    assert told.providers == ()
    assert told.wake_at == datetime(2026, 1, 6, tzinfo=UTC)
    assert told.waiting_for == ""
    assert told.because == "a and b have taken all they may today, until 2026-01-06T00:00:00Z"


def test_or_for_the_one_that_is_out() -> None:
    story = posts("ab", paces={"a": Pace(daily_quota=5)}).breaks("b")
    told = ask(story, spent={"a": Spent(today=5)})
    assert (told.providers, told.waiting_for) == ((), "b")
    assert told.wake_at is not None


def test_who_asked_us_to_slow_down_comes_last() -> None:
    told = ask(posts(), spent={"a": SLOWED})
    assert (told.providers, told.because) == (("b", "c", "a"), "b goes first: a asked us to slow down")


def test_when_all_asked_for_it_the_order_stays() -> None:
    assert ask(posts(), spent={"a": SLOWED, "b": SLOWED, "c": SLOWED}).providers == ("a", "b", "c")


# -- sharing ----------------------------------------------------------------------------------------------------------


def test_balance_sends_a_key_always_the_same_way() -> None:
    story = posts(weights={"a": 60, "b": 30, "c": 10})
    first = ask(story, key="customer-7")
    assert {ask(story, f"{n}@example.com", key="customer-7") for n in range(20)} == {first}
    assert first.sticky
    assert first.because.startswith(f"{first.providers[0]} by its share of ")


def test_without_a_key_the_recipient_is_it_whatever_its_case() -> None:
    story = posts(weights={"a": 1, "b": 1})
    assert ask(story, "Ann@Example.com") == ask(story, "ann@example.com")
    assert {ask(story, f"{n}@example.com").providers[0] for n in range(40)} == {"a", "b"}


def test_without_either_the_first_is_as_good_as_any() -> None:
    told = ask(posts(weights={"a": 60, "b": 40}), "")
    assert (told.providers[0], told.sticky) == ("a", False)


def test_who_has_no_share_is_a_fallback_all_the_same() -> None:
    assert ask(posts(weights={"a": 60, "b": 40})).providers[2] == "c"


def test_who_is_throttled_gives_its_share_to_the_others_for_the_time() -> None:
    story = posts(weights={"a": 1, "b": 1})
    for n in range(20):
        assert ask(story, f"{n}@example.com", spent={"a": SLOWED}).providers == ("b", "c", "a")


# -- keeping backups warm ---------------------------------------------------------------------------------------------


def warmed(story: Story, count: int = 2000, **how: object) -> dict[str, float]:
    firsts = [ask(story, f"{n}@example.com", **how).providers[0] for n in range(count)]
    return {name: firsts.count(name) / count for name in "abc"}


def test_each_healthy_backup_carries_its_warm_share_of_routine_mail() -> None:
    shares = warmed(posts(warm_share=0.05))
    assert shares["b"] == pytest.approx(0.05, abs=0.015)
    assert shares["c"] == pytest.approx(0.05, abs=0.015)


def test_a_warm_message_falls_back_in_the_flags_order() -> None:
    story = posts(warm_share=0.1)
    warm = [told for n in range(200) if (told := ask(story, f"{n}@example.com")).providers[0] == "c"]
    assert {told.providers for told in warm} == {("c", "a", "b")}
    assert warm[0].because == "c is kept warm with 10 % of the mail"
    assert warm[0].sticky


@pytest.mark.parametrize("why", ["a retry", "a failover", "a pin", "an open run", "no DNS", "no key"])
def test_backups_are_not_warmed_by(why: str) -> None:
    story, how = posts("ab", warm_share=0.2), {"routine": why != "a retry"}
    if why == "a failover":
        story = posts("abc", warm_share=0.2).breaks("a")
    if why == "a pin":
        story.ordered(PinProvider(stream="mail", provider="a", until=story.now + timedelta(hours=1)))
    if why == "an open run":
        story.sees("b", BUSY)
    if why == "no DNS":
        story.dns("b", "none")
    recipients = [""] * 3 if why == "no key" else [f"{n}@example.com" for n in range(100)]
    firsts = {ask(story, recipient, **how).providers[0] for recipient in recipients}
    assert firsts == {story.flag.provider}


def test_a_new_account_gets_no_more_than_its_first_days_allowance() -> None:
    story = posts("ab", warm_share=0.2, paces={"b": Pace(warm_start=50, warm_factor=2)})
    assert warmed(story, 200, spent={"b": Spent(today=49)})["b"] > 0
    assert warmed(story, 200, spent={"b": Spent(today=50)})["b"] == 0


def test_the_allowance_grows_with_what_was_carried_in_the_week_before() -> None:
    story = posts("ab", warm_share=0.2, paces={"b": Pace(warm_start=50, warm_factor=2)})
    assert warmed(story, 200, spent={"b": Spent(today=119, most=60)})["b"] > 0
    assert warmed(story, 200, spent={"b": Spent(today=120, most=60)})["b"] == 0


def test_in_balance_those_without_a_share_are_kept_warm_too() -> None:
    shares = warmed(posts(weights={"a": 1, "b": 1}, warm_share=0.1))
    assert shares["c"] == pytest.approx(0.1, abs=0.025)
    assert shares["a"] == pytest.approx(0.45, abs=0.04)


# -- geography --------------------------------------------------------------------------------------------------------


def european(**how: object) -> Story:
    return posts(regions={"b": ("eu",), "c": ("eu", "us")}, geography=(EU_ONLY,), **how)


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.de",
        "Ann@Example.DE",
        "ann@mail.example.de.",
        "ann@example.fr",
        "x@bücher.de",
        "x@\uff45xample\u3002\uff44\uff45",
    ],
)
def test_mail_for_these_domains_goes_through_the_region_only(recipient: str) -> None:
    assert ask(european(), recipient).providers == ("b", "c")


@pytest.mark.parametrize("recipient", ["ann@example.com", "ann@de", "ann@sub.example.fr", "ann@example.de.com"])
def test_other_mail_goes_as_ever(recipient: str) -> None:
    assert ask(european(), recipient).providers == ("a", "b", "c")


def test_a_tag_says_what_a_domain_cannot() -> None:
    told = ask(european(), "ann@example.com", region="eu")
    assert (told.providers, told.because) == (("b", "c"), "b is the first that mail tagged eu may go through")


@pytest.mark.parametrize("region", ["EU", "Eu", " eu "])
def test_a_tag_is_known_however_it_is_written(region: str) -> None:
    assert ask(european(), "ann@example.com", region=region).providers == ("b", "c")


def test_the_rule_holds_even_when_the_mail_has_to_wait() -> None:
    story = european().breaks("b").breaks("c")
    told = ask(story, "ann@example.de")
    assert (told.providers, told.waiting_for) == ((), "any")
    assert told.because == "nobody that mail for example.de may go through is well"
    assert ask(story).providers == ("a",)


def test_it_waits_for_the_one_that_may_carry_it() -> None:
    story = posts(regions={"b": ("eu",)}, geography=(EU_ONLY,)).breaks("b")
    assert ask(story, "ann@example.de").waiting_for == "b"


def test_a_pin_does_not_break_the_rule() -> None:
    story = european()
    story.ordered(PinProvider(stream="mail", provider="a", until=story.now + timedelta(hours=1)))
    assert ask(story, "ann@example.de").providers == ("b", "c")


def test_neither_does_the_least_bad() -> None:
    story = european().breaks("b").breaks("c").breaks("a")
    assert story.flag.provider == "a"
    assert ask(story, "ann@example.de").providers == ()


def test_neither_does_keeping_warm() -> None:
    story = posts(regions={"a": ("eu",)}, geography=(EU_ONLY,), warm_share=0.2)
    assert {ask(story, f"{n}@example.de").providers for n in range(100)} == {("a",)}


def test_every_rule_that_binds_a_message_holds() -> None:
    named = Geography(providers=frozenset("ac"), only=True)
    told = ask(posts(regions={"b": ("eu",), "c": ("eu",)}, geography=(EU_ONLY, named)), "ann@example.de")
    assert told.providers == ("c",)


def test_rules_that_leave_nobody_hold_the_mail() -> None:
    named = Geography(providers=frozenset("a"), only=True)
    told = ask(posts(regions={"b": ("eu",)}, geography=(EU_ONLY, named)), "ann@example.de")
    assert (told.providers, told.because) == ((), "mail for example.de may go nowhere")


def test_where_the_dns_covers_nobody_in_the_region_the_region_counts_more() -> None:
    story = posts(regions={"c": ("eu",)}, geography=(EU_ONLY,), stream={"require_dns": True}).dns("c", "none")
    assert story.flag.fallbacks == ("b",)
    assert ask(story, "ann@example.de").providers == ("c",)


def test_mail_that_a_rule_binds_is_apart_from_the_rest_of_its_stream() -> None:
    assert ask(european(), "ann@example.de").apart
    assert not ask(european(), "ann@example.com").apart
    everybody = Geography(regions=frozenset({"eu"}), only=True)
    assert not ask(posts(regions={"b": ("eu",)}, geography=(everybody,))).apart


def test_without_only_the_region_comes_first_and_the_others_after_it() -> None:
    rule = Geography(suffixes=(".de",), regions=frozenset({"eu"}))
    story = posts(regions={"c": ("eu",)}, geography=(rule,))
    told = ask(story, "ann@example.de")
    assert (told.providers, told.because) == (("c", "a", "b"), "c comes first for mail for example.de")
    assert ask(story.breaks("c"), "ann@example.de").providers == ("a", "b")


# -- sending hours ----------------------------------------------------------------------------------------------------


def test_outside_its_hours_mail_waits_until_they_begin() -> None:
    office = Hours(start=time(8), end=time(20), zone=ZoneInfo("Europe/Berlin"), days=frozenset(range(5)))
    story = posts(hours=(office,))
    saturday = datetime(2026, 1, 10, 12, tzinfo=UTC)
    told = ask(story, now=saturday)
    assert (told.providers, told.waiting_for) == ((), "")
    assert told.wake_at == datetime(2026, 1, 12, 7, tzinfo=UTC)
    assert told.because == "mail is not sent at this hour until 2026-01-12T07:00:00Z"
    assert ask(story, now=told.wake_at).providers == ("a", "b", "c")


# -- a selector's wish ------------------------------------------------------------------------------------------------


def test_a_selector_says_the_order_among_those_that_may_carry_the_message() -> None:
    told = ask(posts(selector="by-price"), wanted=("c", "nobody", "b", "c"))
    assert (told.providers, told.because) == (("c", "b", "a"), "c was chosen by by-price")


def test_its_wish_brings_back_nobody_who_is_out_used_up_or_elsewhere() -> None:
    assert ask(posts().breaks("c"), wanted=("c", "b")).providers == ("b", "a")
    assert ask(posts(paces={"c": Pace(daily_quota=1)}), spent={"c": Spent(today=1)}, wanted=("c",)).providers == (
        "a",
        "b",
    )
    assert ask(european(), "ann@example.de", wanted=("a", "c")).providers == ("c", "b")


def test_its_wish_goes_after_who_is_not_throttled() -> None:
    assert ask(posts(), spent={"c": SLOWED}, wanted=("c", "b")).providers == ("b", "a", "c")
