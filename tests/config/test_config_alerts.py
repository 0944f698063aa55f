"""The table about alerts: what is refused, what deserves a warning, and that no address is ever shown."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailover.config import build
from mailover.config.mapping import policy
from mailover.config.settings import Settings
from mailover.config.showing import show, warnings
from mailover.core.policy import AlertPolicy
from mailover.errors import ConfigError


def configured(alerts: dict[str, Any] | None = None, env: dict[str, str] | None = None, **providers: Any) -> Settings:
    accounts = {
        "postmark": {"preset": "postmark", "username": "u", "password": "p"},
        "sendgrid": {"preset": "sendgrid", "password": "p"},
    }
    for name, more in providers.items():
        accounts[name] |= more
    streams = {"mail": {"providers": ["postmark", "sendgrid"]}}
    return build({"providers": accounts, "streams": streams, "alerts": alerts or {}}, env or {})


def refusals(alerts: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        configured(alerts)
    return refused.value.problems


def test_the_core_is_told_what_to_warn_of() -> None:
    assert policy(configured()).alerts == AlertPolicy()
    told = policy(configured({"failure_rate": 0.1, "latency": "1s", "certificate_days": [3, 30]})).alerts
    assert (told.failure_rate, told.latency, told.certificate_days) == (0.1, timedelta(seconds=1), (30, 3))


@pytest.mark.parametrize(
    ("alerts", "says"),
    [
        ({"failure_rate": 0}, "alerts.failure_rate"),
        ({"latency": "0s"}, "must be longer than 0"),
        ({"certificate_days": [0]}, "must be days between 1 and 365"),
        ({"apprise_urls": ["not an address"]}, "must be addresses as apprise knows them"),
        ({"dead_man_url": "hc-ping.com/uuid"}, "must be a web address"),
        ({"runbook_url": "wiki"}, "must be a web address"),
    ],
)
def test_nonsense_is_refused(alerts: dict[str, Any], says: str) -> None:
    (problem,) = refusals(alerts)
    assert says in problem
    assert "uuid" not in problem


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("mailtos://me:secret@smtp.sendgrid.net", "sendgrid"),
        ("mailtos://me:secret@sendgrid.net", "sendgrid"),
        ("mailto://me:secret@example.com?smtp=SMTP.postmarkapp.com", "postmark"),
        ("sendgrid://key:me@example.com/you@example.com", "sendgrid"),
    ],
)
def test_news_of_a_failing_provider_must_not_travel_through_it(url: str, provider: str) -> None:
    (problem,) = refusals({"apprise_urls": [url]})
    assert problem.startswith(f"alerts.apprise_urls: sends mail through {provider}")
    assert "secret" not in problem


def test_mail_through_somebody_else_is_a_way() -> None:
    configured({"apprise_urls": ["mailtos://me:secret@smtp.elsewhere.example", "ntfy://topic", "mailto://["]})


def test_the_addresses_come_from_a_file_or_the_environment_too(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("ntfy://one\nntfy://two\n")
    (problem,) = refusals({"apprise_urls_file": str(tmp_path / "none")})
    assert problem.startswith("alerts.apprise_urls_file: cannot be read")
    for settings in (
        configured({"apprise_urls_file": str(file)}),
        configured(env={"MAILOVER_ALERTS__APPRISE_URLS": "ntfy://one,ntfy://two"}),
    ):
        assert [url.reveal() for url in settings.alerts.apprise_urls] == ["ntfy://one", "ntfy://two"]


def test_no_address_is_ever_shown() -> None:
    settings = configured({"apprise_urls": ["ntfy://hidden"], "dead_man_url": "https://hc.example/hidden"})
    assert "hidden" not in show(settings) + repr(settings)
    assert 'apprise_urls = ["***"]' in show(settings)


def test_spares_that_share_what_they_rest_on_deserve_a_warning() -> None:
    settings = configured(postmark={"infra": ["aws-us-east-1"]}, sendgrid={"infra": ["aws-us-east-1"]})
    assert "streams.mail: postmark and sendgrid all rest on aws-us-east-1, so they may fail together" in warnings(
        settings, None
    )
    assert not [w for w in warnings(configured(postmark={"infra": ["a"]}), None) if "rest on" in w]


def test_different_from_addresses_deserve_a_warning() -> None:
    settings = configured(postmark={"from": "a@example.com"}, sendgrid={"from": "b@example.com"})
    (told,) = [w for w in warnings(settings, None) if "From" in w]
    assert told == "streams.mail: its providers have different From addresses: a@example.com and b@example.com"
