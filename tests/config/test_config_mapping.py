"""What the settings mean to the core and to the SMTP client."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from mailover.config import Settings, build, credentials, endpoint, policy
from mailover.core.policy import BreakerPolicy, Policy, ProbePolicy
from mailover.core.providers import Failback, Provider, StreamMode, Tls, WhenExhausted
from mailover.smtp.endpoint import Mechanism


def settings(**tables: Any) -> Settings:
    small = {
        "providers": {"a": {"host": "a.example"}, "b": {"host": "b.example"}},
        "streams": {"s": {"providers": ["a", "b"]}},
    }
    return build({**small, **tables}, {})


def test_the_defaults_of_the_file_are_the_defaults_of_the_core() -> None:
    told = policy(settings())
    assert told == Policy(providers=told.providers, streams=told.streams)
    assert told.breaker == BreakerPolicy()
    assert told.probes == ProbePolicy()


def test_a_provider_reaches_the_core_without_its_credential() -> None:
    account = {
        "host": "a.example",
        "port": 2525,
        "username": "u",
        "password": "p",
        "from": "noreply@example.com",
        "enabled": False,
        "shadow": True,
        "quota_resets": "08:30",
        "infra": ["aws"],
    }
    told = policy(settings(providers={"a": account, "b": {"host": "b.example"}}))
    assert told.providers["a"] == Provider(
        name="a",
        host="a.example",
        port=2525,
        tls=Tls.STARTTLS,
        sender="noreply@example.com",
        enabled=False,
        shadow=True,
        quota_resets=time(8, 30),
        infra=("aws",),
    )


def test_a_stream_reaches_the_core_whole() -> None:
    table = {
        "providers": ["b", "a"],
        "mode": "balance",
        "weights": {"a": 1, "b": 3},
        "failback": "manual",
        "when_exhausted": "hold",
        "require_dns": True,
    }
    stream = policy(settings(streams={"s": table})).streams["s"]
    assert stream.providers == ("b", "a")
    assert stream.mode is StreamMode.BALANCE
    assert stream.weights == {"a": 1.0, "b": 3.0}
    assert stream.failback is Failback.MANUAL
    assert stream.when_exhausted is WhenExhausted.HOLD
    assert stream.require_dns


def test_peak_hours_keep_their_zone_and_days() -> None:
    peak = {"hours": "22:00-06:00", "days": ["sun"], "zone": "Europe/Berlin", "providers": ["b"]}
    hours = policy(settings(streams={"s": {"providers": ["a", "b"], "peak_hours": [peak]}})).streams["s"].peak_hours[0]
    assert hours.providers == ("b",)
    assert hours.covers(datetime(2026, 11, 22, 21, 30, tzinfo=UTC))  # Sunday 22:30 in Berlin
    assert hours.covers(datetime(2026, 11, 23, 4, 30, tzinfo=UTC))  # and on until Monday 06:00
    assert not hours.covers(datetime(2026, 11, 23, 21, 30, tzinfo=UTC))


def test_every_number_that_can_be_set_reaches_the_core() -> None:
    breaker = {
        "failures": 5,
        "open_for": "2m",
        "open_for_max": "3m",
        "auth_open_for": "2h",
        "successes": 4,
        "failback_after": "0s",
        "failback_max": "6m",
        "window": "7m",
        "window_minimum": 8,
        "window_ratio": 0.9,
    }
    probes = {"deadline": "20s", "retry_interval": "3s", "auth_pause": "4s", "slow": "6s", "slow_is_failure": True}
    trip = {"to": "p@example.com", "mailbox": "webhook", "deadline": "90s"}
    told = policy(settings(breaker=breaker, probes=probes, round_trip=trip))
    minute = timedelta(minutes=1)
    assert told.breaker == BreakerPolicy(
        failures=5,
        open_for=2 * minute,
        open_for_max=3 * minute,
        auth_open_for=120 * minute,
        auth_open_for_max=120 * minute,
        successes=4,
        failback_after=timedelta(),
        failback_max=6 * minute,
        window=7 * minute,
        window_minimum=8,
        window_ratio=0.9,
    )
    assert told.probes == ProbePolicy(
        deadline=timedelta(seconds=20),
        retry_interval=timedelta(seconds=3),
        auth_pause=timedelta(seconds=4),
        slow=timedelta(seconds=6),
        slow_is_failure=True,
        round_trip=True,
        round_trip_deadline=timedelta(seconds=90),
    )


def test_the_smtp_client_gets_the_place_and_the_login() -> None:
    account = settings(
        providers={"a": {"host": "a.example", "tls": "implicit", "username": "u", "password": "p", "auth": "login"}},
        streams={"s": {"providers": ["a"]}},
    ).providers["a"]
    place, login = endpoint(account), credentials(account)
    assert (place.host, place.port, place.tls, place.ca_file) == ("a.example", 465, Tls.IMPLICIT, None)
    assert login is not None
    assert (login.username, login.password.reveal(), login.mechanism) == ("u", "p", Mechanism.LOGIN)


def test_a_provider_without_a_username_has_no_login() -> None:
    assert credentials(settings().providers["a"]) is None


@pytest.mark.parametrize("tls", list(Tls))
def test_core_and_client_know_the_same_encryptions(tls: Tls) -> None:
    assert Tls(tls.value)
