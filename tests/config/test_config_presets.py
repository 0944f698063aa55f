"""What a preset and a profile fill in, and that a key that is given always wins."""

from datetime import timedelta
from typing import Any

import pytest

from dns_checks.catalogue import catalogue
from mailover.config import Settings, build
from mailover.config.watching import BreakerSettings, ProbesSettings
from mailover.core.providers import Tls


def settings(provider: dict[str, Any], **tables: Any) -> Settings:
    return build({"providers": {"p": provider}, "streams": {"s": {"providers": ["p"]}}, **tables}, {})


def place(provider: dict[str, Any]) -> tuple[str, int, Tls, str | None]:
    account = settings(provider).providers["p"]
    return account.host, account.port, account.tls, account.username


def test_a_preset_fills_host_port_tls_and_a_fixed_username() -> None:
    provider = {"preset": "sendgrid", "password": "key"}
    assert place(provider) == ("smtp.sendgrid.net", 587, Tls.STARTTLS, "apikey")


def test_an_alias_is_as_good_as_the_id() -> None:
    assert place({"preset": "mailgun"}) == place({"preset": "mailgun-us"})


def test_a_given_key_wins_over_the_preset() -> None:
    given = {"preset": "sendgrid", "host": "10.0.0.1", "port": 2525, "username": "me", "password": "key"}
    assert place(given) == ("10.0.0.1", 2525, Tls.STARTTLS, "me")


@pytest.mark.parametrize("override", [{"tls": "implicit"}, {"port": 465}, {"port": "465"}])
def test_port_and_encryption_follow_each_other(override: dict[str, Any]) -> None:
    assert place({"preset": "brevo", **override})[1:3] == (465, Tls.IMPLICIT)


def test_without_a_preset_they_follow_each_other_too() -> None:
    assert place({"host": "h.example"})[1:3] == (587, Tls.STARTTLS)
    assert place({"host": "h.example", "tls": "implicit"})[1:3] == (465, Tls.IMPLICIT)
    assert place({"host": "h.example", "port": 465})[1:3] == (465, Tls.IMPLICIT)
    assert place({"host": "h.example", "port": 2525})[1:3] == (2525, Tls.STARTTLS)


def test_a_region_chooses_among_a_provider_s_places() -> None:
    assert place({"preset": "sendgrid", "region": "eu", "password": "key"})[0] == "smtp.eu.sendgrid.net"
    assert place({"preset": "ses", "region": "eu-west-1"})[0] == "email-smtp.eu-west-1.amazonaws.com"


def test_a_host_spares_the_region() -> None:
    assert place({"preset": "ses", "host": "vpce.example.com"})[0] == "vpce.example.com"


@pytest.mark.parametrize("word", [entry.id for entry in catalogue().values() if entry.smtp and entry.smtp[0].host])
def test_every_preset_that_takes_mail_is_usable(word: str) -> None:
    entry = catalogue()[word]
    region = {"region": entry.smtp[0].regions[0]} if "{region}" in entry.smtp[0].host else {}
    password = {"password": "p"} if entry.username else {}
    host, port, tls, username = place({"preset": word, **region, **password})
    assert "." in host
    assert "{" not in host
    assert port in (entry.smtp[0].starttls if tls is Tls.STARTTLS else entry.smtp[0].implicit)
    assert username == entry.username


def test_the_standard_profile_is_the_defaults() -> None:
    standard = settings({"host": "h.example"})
    assert standard.probes == ProbesSettings()
    assert standard.breaker == BreakerSettings()


def test_the_patient_profile_is_the_rhythm_of_a_workflow_tool() -> None:
    patient = settings({"host": "h.example"}, probes={"profile": "patient"})
    assert patient.probes.port_interval == patient.probes.login_interval == timedelta(minutes=5)
    assert (patient.breaker.failures - 1) * patient.probes.retry_interval == timedelta(minutes=2)
    assert patient.breaker.failures == 4
    assert patient.breaker.open_for == timedelta(minutes=30)
    assert patient.breaker.successes == 1
    assert patient.breaker.failback_after == timedelta()


def test_a_given_key_wins_over_the_profile() -> None:
    patient = settings(
        {"host": "h.example"}, probes={"profile": "patient", "port_interval": "1m"}, breaker={"successes": 3}
    )
    assert patient.probes.port_interval == timedelta(minutes=1)
    assert patient.probes.login_interval == timedelta(minutes=5)
    assert patient.breaker.successes == 3
