"""Every alert leads to a page that is there."""

import re
from pathlib import Path

import pytest

from mailover.alerts.messages import WORTH_WAKING
from mailover.alerts.runbook import NOWHERE, RUNBOOK, SECTIONS, Links, anchor, page
from mailover.core.events import EventType

ROOT = Path(__file__).parents[2]
ALERTS = sorted(WORTH_WAKING - {EventType.WEBHOOK_TEST})


@pytest.mark.parametrize("kind", ALERTS)
def test_every_alert_has_its_section(kind: EventType) -> None:
    assert SECTIONS[kind] in re.findall(r"^## (.*)$", (ROOT / RUNBOOK).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("kind", ALERTS)
def test_every_alert_is_in_the_list_of_alerts(kind: EventType) -> None:
    told = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert f"`{kind}`" in told or f"`.{kind.partition('.')[2]}`" in told


def test_a_page_is_linked_where_the_runbook_is_and_named_where_it_is_not() -> None:
    assert page(EventType.STREAM_NO_SPARE, NOWHERE) == "docs/woken.md#a-stream-has-no-spare"
    linked = Links(runbook="https://wiki.example/woken")
    assert page(EventType.STREAM_NO_SPARE, linked) == "https://wiki.example/woken#a-stream-has-no-spare"
    assert page(EventType.WEBHOOK_TEST, linked) is None


def test_anchors_are_made_as_code_hosts_make_them() -> None:
    assert anchor("The API answers with `Mailover-Stale`") == "the-api-answers-with-mailover-stale"
    assert anchor("A provider is out, and the mail") == "a-provider-is-out-and-the-mail"
