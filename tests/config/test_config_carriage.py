"""What the settings about carrying mail mean to the core."""

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

from mailover.config import build, policy, show, warnings
from mailover.config.mapping import feedback
from mailover.core.carriage import PLAIN, Geography, Identity, Pace, StreamMail
from mailover.core.policy import Policy


def told(stream: dict[str, Any] | None = None, **accounts: dict[str, Any]) -> Policy:
    providers = {name: {"host": f"{name}.example", **accounts.get(name, {})} for name in "ab"}
    return policy(build({"providers": providers, "streams": {"s": {"providers": ["a", "b"], **(stream or {})}}}, {}))


def test_the_defaults_of_the_file_are_the_defaults_of_the_core() -> None:
    usual = told()
    assert usual.streams["s"].mail == StreamMail()
    assert usual.providers["a"].pace == Pace()
    assert usual.providers["a"].regions == ()


def test_what_a_provider_may_be_given_reaches_the_core() -> None:
    account = {"concurrency": 3, "rate": 14, "daily_quota": 50_000, "warm_start": 20, "warm_factor": 2}
    provider = told(a={**account, "regions": ["eu", "de"]}).providers["a"]
    assert provider.pace == Pace(concurrency=3, rate=14.0, daily_quota=50_000, warm_start=20, warm_factor=2.0)
    assert provider.regions == ("eu", "de")


def test_what_a_stream_asks_for_reaches_the_core() -> None:
    mail = told({
        "deadline": "1h",
        "priority": 1,
        "at_least_once": True,
        "suppress": True,
        "retention": "720h",
        "warm_share": 0.05,
        "selector": "by-price",
    }).streams["s"].mail  # fmt: skip
    assert mail == StreamMail(
        deadline=timedelta(hours=1),
        priority=1,
        at_least_once=True,
        suppress=True,
        retention=timedelta(days=30),
        warm_share=0.05,
        selector="by-price",
    )


def test_what_postpones_goes_after_the_rest_unless_it_says_otherwise() -> None:
    assert told({"postpone": True}).streams["s"].mail.priority > told().streams["s"].mail.priority
    assert told({"postpone": True, "priority": 0}).streams["s"].mail.priority == 0


def test_sending_hours_keep_their_zone_and_days() -> None:
    hours = {"hours": "08:00-20:00", "days": ["mon"], "zone": "Europe/Berlin"}
    (opening,) = told({"sending_hours": [hours]}).streams["s"].mail.hours
    assert opening.covers(datetime(2026, 11, 23, 7, 30, tzinfo=UTC))  # Monday 08:30 in Berlin
    assert not opening.covers(datetime(2026, 11, 24, 7, 30, tzinfo=UTC))


def test_a_geography_is_read_into_domains_and_endings() -> None:
    rule = {"recipients": ["*.DE", "Example.fr", "bücher.example", "*"], "tags": ["eu"], "regions": ["eu"]}
    geography = {**rule, "providers": ["b"], "only": True}
    (found,) = told({"geography": [geography]}, a={"regions": ["eu"]}).streams["s"].mail.geography
    assert found == Geography(
        domains=frozenset({"example.fr", "xn--bcher-kva.example"}),
        suffixes=(".de", ""),
        tags=frozenset({"eu"}),
        regions=frozenset({"eu"}),
        providers=frozenset({"b"}),
        only=True,
    )


def test_a_stream_says_over_the_provider_as_whom_it_is_sent() -> None:
    account = {
        "envelope_from": "bounces@example.com",
        "header_from": "app@example.com",
        "headers": {"X-PM-Message-Stream": "outbound", "X-Pool": "one"},
    }
    here = {"envelope_from": "news@example.com", "headers": {"x-pm-message-stream": "broadcast"}}
    mail = told({"identity": {"a": here}}, a=account).streams["s"].mail
    assert mail.identities == {
        "a": Identity(
            envelope_from="news@example.com",
            header_from="app@example.com",
            headers=(("x-pm-message-stream", "broadcast"), ("X-Pool", "one")),
        )
    }
    assert mail.identities.get("b", PLAIN) == PLAIN


def test_what_providers_tell_is_expected_of_those_that_say_so_and_warned_of_by_their_limits() -> None:
    table = {"kind": "ses", "topic": "arn:aws:sns:eu-west-1:123456789012:bounces"}
    providers = {"a": {"host": "a.example", "feedback": table}, "b": {"host": "b.example"}}
    limits = {"complaint_rate": 0.001, "bounce_rate": 0.02}
    settings = build({"providers": providers, "streams": {"s": {"providers": ["a", "b"]}}, "alerts": limits}, {})
    assert {name: str(each.kind) for name, each in feedback(settings).items()} == {"a": "ses"}
    assert (policy(settings).alerts.complaint_rate, policy(settings).alerts.bounce_rate) == (0.001, 0.02)


def test_the_whole_of_it_is_shown_as_toml_that_reads_back() -> None:

    document = {
        "providers": {"a": {"host": "a.example", "regions": ["eu"], "headers": {"X-Pool": 'a "b"'}}},
        "streams": {
            "s": {
                "providers": ["a"],
                "geography": [{"recipients": ["*.de"], "regions": ["eu"], "only": True}],
                "sending_hours": [{"hours": "08:00-20:00", "zone": "UTC"}],
                "identity": {"a": {"headers": {"X-Pool": "two"}}},
            }
        },
    }
    settings = build(document, {})
    assert policy(build(tomllib.loads(show(settings)), {})) == policy(settings)


def test_what_will_not_work_as_meant_gets_a_warning() -> None:
    stream = {"providers": ["a"], "postpone": True, "selector": "nobody-has-this"}
    told = warnings(build({"providers": {"a": {"host": "a.example"}}, "streams": {"s": stream}}, {}), None)
    assert "streams.s.selector: no installed package has it, so the built-in order is used" in told
    assert "streams: all of them postpone, so none ever waits for another" in told
