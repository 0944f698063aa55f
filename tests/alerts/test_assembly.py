"""Which event goes where, by what is configured."""

from typing import Any

import pytest
from fake_clock import FakeClock
from happenings import happening

from mailover.alerts import assembly
from mailover.config import build
from mailover.config.settings import Settings
from mailover.core.events import Event, EventType, Severity
from mailover.storage.sql import SqlStore

BOT = {"token": "xoxb-0", "channel": "C0123456789"}
HOOK = {"webhook_url": "https://hooks.example/x"}
OPENED = happening(1, EventType.PROVIDER_OPENED, incident="inc_1")
SHADOWED = happening(1, EventType.PROVIDER_OPENED, incident="inc_1", shadow=True, severity=Severity.INFO)
DEGRADED = happening(1, EventType.PROVIDER_DEGRADED, degraded=True)
WELL_AGAIN = happening(1, EventType.PROVIDER_NORMAL, degraded=False, severity=Severity.INFO)
FAST_AGAIN = happening(1, EventType.PROVIDER_NORMAL, severity=Severity.INFO)


def settings_with(**tables: Any) -> Settings:
    providers = {"a": {"host": "smtp.a.example"}, "b": {"host": "smtp.b.example"}}
    return build({"providers": providers, "streams": {"mail": {"providers": ["a", "b"]}}, **tables}, {})


@pytest.mark.parametrize(
    ("event", "bot", "hook"),
    [
        (OPENED, True, False),
        (SHADOWED, False, False),
        (DEGRADED, True, True),
        (WELL_AGAIN, True, True),
        (FAST_AGAIN, False, False),
        (happening(1), True, True),
        (happening(1, EventType.STREAM_PINNED, severity=Severity.INFO), False, False),
    ],
)
def test_a_bot_follows_incidents_and_a_webhook_tells_what_matters(event: Event, bot: bool, hook: bool) -> None:
    assert assembly.routes(settings_with(slack=BOT), event) == (("slack",) if bot else ())
    assert assembly.routes(settings_with(slack=HOOK), event) == (("slack",) if hook else ())
    assert assembly.routes(settings_with(), event) == ()


@pytest.mark.parametrize("slack", [BOT, HOOK])
def test_slack_has_one_courier(slack: dict[str, str], store: SqlStore, clock: FakeClock) -> None:
    assert [c.endpoint for c in assembly.couriers(settings_with(slack=slack), store, clock)] == ["slack"]


def test_nothing_configured_tells_nobody(store: SqlStore, clock: FakeClock) -> None:
    assert assembly.couriers(settings_with(), store, clock) == []
    assert assembly.dead_man(settings_with(), clock) is None
    assert assembly.dead_man(settings_with(alerts={"dead_man_url": "https://hc.example/u"}), clock) is not None
