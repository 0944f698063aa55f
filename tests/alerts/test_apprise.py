"""One more way to tell people: the real apprise, and a web server that receives what it sends."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_clock import FakeClock
from fake_receiver import FakeReceiver
from happenings import happening

from mailover.alerts import apprise_channel, assembly
from mailover.alerts.apprise_channel import AppriseChannel, endpoint_name
from mailover.alerts.runbook import Links
from mailover.alerts.transport import DeliveryError
from mailover.config import build
from mailover.config.settings import Settings
from mailover.core.events import EventType, Severity
from mailover.errors import ConfigError
from mailover.secrets import Secret
from mailover.storage.sql import SqlStore

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # apprise's own, on its import


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver().serving() as server:
        yield server


def address(receiver: FakeReceiver) -> Secret:
    return Secret(f"json://user:hidden-password@127.0.0.1:{receiver.port}/path")


def test_an_alert_arrives_with_its_reason_and_what_to_do(receiver: FakeReceiver, clock: FakeClock) -> None:
    AppriseChannel(address(receiver), clock, links=Links(runbook="https://wiki.example/w"))(happening(1))
    ((path, body),) = receiver.taken
    told = json.loads(body)
    assert path == "/path"
    assert told["title"] == "s1: mail now goes through ses instead of postmark"
    assert told["message"].startswith("postmark is out: logins fail")
    assert "what to do: https://wiki.example/w#a-provider-is-out" in told["message"]
    assert told["type"] == "warning"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (happening(1, EventType.STREAM_EXHAUSTED, severity=Severity.CRITICAL), "failure"),
        (happening(1, EventType.AGENT_SIGHTED, severity=Severity.INFO), "success"),
    ],
)
def test_how_bad_it_is_travels_along(event: object, kind: str, receiver: FakeReceiver, clock: FakeClock) -> None:
    AppriseChannel(address(receiver), clock)(event)  # type: ignore[arg-type] - an event
    assert json.loads(receiver.taken[0][1])["type"] == kind


def test_a_refusal_is_tried_again_and_tells_no_secret(
    receiver: FakeReceiver, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    with pytest.raises(DeliveryError, match="apprise could not deliver by json") as failed:
        AppriseChannel(address(receiver), clock)(happening(1))
    assert not failed.value.permanent
    assert "hidden-password" not in caplog.text + repr(failed.value)


def test_an_address_that_apprise_does_not_know_is_final(clock: FakeClock) -> None:
    with pytest.raises(DeliveryError, match="does not understand the nonsense address") as failed:
        AppriseChannel(Secret("nonsense://hidden"), clock)(happening(1))
    assert failed.value.permanent


def settings_with(*urls: str) -> Settings:
    providers = {
        "ses": {"host": "smtp.example.com"},
        "postmark": {"preset": "postmark", "username": "u", "password": "p"},
    }
    streams = {"mail": {"providers": ["ses", "postmark"]}}
    return build({"providers": providers, "streams": streams, "alerts": {"apprise_urls": list(urls)}}, {})


def test_each_address_is_an_endpoint_of_its_own_whatever_their_order(store: SqlStore, clock: FakeClock) -> None:
    one, two = settings_with("ntfy://a", "ntfy://b"), settings_with("ntfy://b", "ntfy://a")
    assert set(assembly.routes(one, happening(1))) == set(assembly.routes(two, happening(1)))
    assert [c.endpoint for c in assembly.couriers(one, store, clock)] == list(assembly.routes(one, happening(1)))
    assert "ntfy" not in endpoint_name(Secret("ntfy://a"))
    assert assembly.routes(one, happening(1, EventType.PROVIDER_SLOW)) == ()


def test_without_the_extra_the_config_is_refused(
    store: SqlStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(apprise_channel.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="pip install apprise"):
        assembly.couriers(settings_with("ntfy://a"), store, clock)
    assert assembly.couriers(settings_with(), store, clock) == []
