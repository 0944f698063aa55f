"""What Prometheus is told, and the rules and the board made from it, held against each other."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from hand_clock import HandClock
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mailover.errors import StorageError
from mailover.service import Service
from mailover.storage.sql import SqlStore
from webhooks.metrics import registry_of

ROOT = Path(__file__).parents[2]
RULES = ROOT / "contrib" / "prometheus" / "mailover.rules.yml"
BOARD = ROOT / "contrib" / "grafana" / "mailover.json"
METRIC = re.compile(r"\bmailover_[a-z0-9_]+")
LABEL_OF_ITS_OWN = "mailover_provider_circuit_state"


def sampled(told: str) -> set[str]:
    return {sample.name for family in text_string_to_metric_families(told) for sample in family.samples}


def value(told: str, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(told):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def expressions(board: dict[str, object]) -> list[str]:
    return re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', json.dumps(board))


def test_every_metric_of_the_board_exists(told: str) -> None:
    asked = {name for expr in expressions(json.loads(BOARD.read_text())) for name in METRIC.findall(expr)}
    assert len(asked) > 20
    assert asked - sampled(told) == set()


def test_the_board_says_which_data_source_it_needs() -> None:
    board = json.loads(BOARD.read_text())
    assert (board["uid"], board["schemaVersion"]) == ("mailover", 39)
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_metric_of_the_rules_exists(told: str) -> None:
    asked = {n for line in RULES.read_text().splitlines() if "expr:" in line for n in METRIC.findall(line)}
    assert len(asked) > 12
    assert asked - sampled(told) == set()


def test_every_alert_leads_to_a_page_that_exists() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "docs" / "woken.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    text = RULES.read_text()
    pages = re.findall(r"runbook_url: docs/woken\.md#(\S+)", text)
    assert len(pages) == text.count("- alert: ")
    assert set(pages) <= anchors


def test_every_alert_has_a_unit_test() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    tested = re.findall(r"- name: (\w+)", RULES.with_name("mailover.rules.test.yml").read_text())
    assert alerts == tested


def test_the_document_lists_every_metric_and_no_other(told: str) -> None:
    documented = set(re.findall(r"^\| `(mailover_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    suffix = re.compile(r"_(bucket|sum|count)$")
    assert documented == {suffix.sub("", name) for name in sampled(told)}


def test_figures_are_told_with_what_they_rest_on(told: str) -> None:
    assert value(told, "mailover_reliability_samples", provider="first", kind="sends") == 10
    assert value(told, "mailover_reliability_samples", provider="first", kind="checks") == 7
    assert value(told, "mailover_reliability_score", provider="first") == pytest.approx(70 + 30 * 4 / 7)
    assert value(told, "mailover_reliability_score", provider="second") == 100
    assert value(told, "mailover_failovers_per_day", provider="first") == 1
    assert value(told, "mailover_uptime_ratio", provider="second") == 1
    assert value(told, "mailover_failures_per_hour", provider="first") == pytest.approx(3 / 24)
    assert value(told, "mailover_response_p95_seconds", provider="second") == pytest.approx(0.2, rel=0.025)


def test_what_happened_is_counted(told: str) -> None:
    moved = {"stream": "mail", "from_provider": "first", "to_provider": "second"}
    assert value(told, "mailover_failovers_total", **moved, reason="failover") == 1
    assert value(told, "mailover_failovers_total", **moved, reason="failback") == 0
    assert value(told, "mailover_probes_total", provider="first", kind="port", outcome="failed") == 3
    assert value(told, "mailover_sends_total", provider="first", outcome="ok") == 10
    assert value(told, "mailover_outbox_pending", channel="slack") == 3
    assert value(told, "mailover_notifications_total", channel="slack", outcome="delivered") == 1
    assert value(told, "mailover_dns_check_ok", provider="first", check="spf") == 0
    assert value(told, "mailover_dns_check_ok", provider="first", check="dkim") == 1


def test_every_label_set_of_the_config_is_there_before_anything_happens(service: Service) -> None:
    told = generate_latest(registry_of(service, lambda: 0)[0]).decode()
    assert value(told, "mailover_probes_total", provider="second", kind="login", outcome="failed") == 0
    assert value(told, "mailover_sends_total", provider="second", outcome="ok") == 0
    assert value(told, "mailover_probe_duration_seconds_count", provider="second", kind="port") == 0
    assert value(told, "mailover_reliability_score", provider="second") is None


class UnreadableStore(SqlStore):
    """A real store that cannot be read."""

    def tallies(self, *_: object) -> object:  # type: ignore[override]
        raise StorageError("the store could not be read: disk I/O error")


def test_a_store_that_fails_takes_only_its_own_figures_away(
    service: Service, store: SqlStore, clock: HandClock
) -> None:
    registry, _ = registry_of(service, lambda: 0)
    store.__class__ = UnreadableStore
    told = generate_latest(registry).decode()
    assert value(told, "mailover_provider_up", provider="first") == 1
    assert "mailover_reliability_samples" not in told
    store.__class__ = SqlStore
    clock.at += timedelta(seconds=31)
    assert "mailover_reliability_samples" in generate_latest(registry).decode()


@pytest.mark.peer("promtool")
def test_promtool_has_nothing_to_say_about_the_metrics(told: str) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=told, capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.peer("promtool")
def test_the_rules_keep_what_their_unit_tests_promise() -> None:
    for command in (["check", "rules", RULES.name], ["test", "rules", "mailover.rules.test.yml"]):
        checked = subprocess.run(
            ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=60
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
