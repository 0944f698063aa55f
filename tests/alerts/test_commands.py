"""Hook commands: what they get, when they run again, and what is on record."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from fake_clock import FakeClock
from happenings import Happen, happening

from mailover.alerts import assembly
from mailover.alerts.commands import HookCommand
from mailover.alerts.courier import Courier
from mailover.alerts.transport import DeliveryError
from mailover.config import Settings, build
from mailover.config.adapters import HookSettings, hook_endpoint
from mailover.core.events import EventType
from mailover.storage.sql import SqlStore

ENDPOINT = hook_endpoint("flush")


def configured(**hook: object) -> Settings:
    return build(
        {
            "providers": {"postmark": {"host": "smtp.example"}, "ses": {"host": "smtp.example"}},
            "streams": {name: {"providers": ["postmark", "ses"]} for name in ("s1", "s2")},
            "adapters": {"hooks": {"flush": {"command": ["/bin/true"], **hook}}},
        },
        {},
    )


def shell(script: str, **more: object) -> HookCommand:
    return HookCommand("flush", HookSettings(command=("/bin/sh", "-c", script), **more), "mailover/test")  # type: ignore[arg-type]


def test_the_event_is_on_the_input_and_its_facts_in_variables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    shell(f'cat >{out}; echo "$MAILOVER_EVENT $MAILOVER_EVENT_FROM-$MAILOVER_EVENT_TO $MAILOVER_EVENT_STREAM" >>{out}')(
        happening(1)
    )
    body, facts = out.read_text().splitlines()
    assert json.loads(body)["data"]["because"] == "postmark is out: logins fail"
    assert json.loads(body)["source"] == "mailover/test"
    assert facts == "failover.happened postmark-ses s1"


def test_facts_are_never_read_by_a_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    shell(f'printf %s "$MAILOVER_EVENT_BECAUSE" >{out}')(happening(1, because="$(id) `id`; \0 'x'"))
    assert out.read_text() == "$(id) `id`;   'x'"


def test_an_exit_status_that_is_not_0_is_a_failure_with_its_last_words() -> None:
    with pytest.raises(DeliveryError, match=r"^exit status 75: the queue is away$"):
        shell("echo the queue is away; exit 75")(happening(1))


def test_one_that_takes_too_long_is_a_failure() -> None:
    with pytest.raises(DeliveryError, match=r"killed after 0.2 s"):
        shell("sleep 30", timeout=timedelta(milliseconds=200))(happening(1))


def test_what_it_is_run_for_is_decided_with_the_event() -> None:
    usual, narrow = configured(), configured(streams=["s2"], events=["provider.opened"])
    assert assembly.routes(usual, happening(1)) == (ENDPOINT,)
    assert assembly.routes(usual, happening(1, EventType.PROVIDER_SLOW)) == ()
    assert assembly.routes(narrow, happening(1, EventType.PROVIDER_OPENED)) == ()
    assert assembly.routes(narrow, happening(2, EventType.PROVIDER_OPENED)) == (ENDPOINT,)
    assert assembly.routes(configured(events=[]), happening(1, EventType.AGENT_STARTED)) == (ENDPOINT,)
    assert assembly.routes(configured(severity="critical", events=[]), happening(1)) == ()


def test_a_failing_run_is_run_again_in_order_and_stays_on_record(
    store: SqlStore, clock: FakeClock, happen: Happen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready, out = tmp_path / "ready", tmp_path / "out"
    command = shell(f'test -e {ready} || {{ echo not ready; exit 1; }}; echo "$MAILOVER_EVENT_ID" >>{out}')
    courier = Courier(ENDPOINT, command, store, clock, dice=lambda: 0.5)
    happen(happening(1), happening(2), to=(ENDPOINT,))
    courier.step()
    (second, first) = store.hooks.sendings(ENDPOINT).items
    assert (first.state, first.attempts, first.last_error) == ("pending", 1, "exit status 1: not ready")
    assert (second.state, second.attempts) == ("pending", 0)
    ready.touch()
    clock.advance(2)
    with caplog.at_level(logging.INFO):
        courier.step()
        courier.step()
    assert out.read_text().split() == [happening(1).id, happening(2).id]
    assert [each.state for each in store.hooks.sendings(ENDPOINT).items] == ["delivered", "delivered"]
    assert "hook flush ran for evt_abc_000000001" in caplog.text


def test_each_hook_of_the_config_has_a_courier(store: SqlStore, clock: FakeClock) -> None:
    assert [courier.endpoint for courier in assembly.couriers(configured(), store, clock)] == [ENDPOINT]
