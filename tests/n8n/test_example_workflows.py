"""The example workflows as files: what n8n needs to import them, and nothing of anybody's own."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mailover.core.events import EventType

PACKAGE = Path(__file__).parents[2] / "n8n"
EXAMPLES = sorted((PACKAGE / "workflows").glob("*.json"))
KNOWN_NODES = {
    "n8n-nodes-base.emailSend": {"smtp"},
    "n8n-nodes-base.httpRequest": {"httpHeaderAuth"},
    "n8n-nodes-base.if": set(),
    "n8n-nodes-base.jira": {"jiraSoftwareCloudApi"},
    "n8n-nodes-base.noOp": set(),
    "n8n-nodes-base.respondToWebhook": set(),
    "n8n-nodes-base.scheduleTrigger": set(),
    "n8n-nodes-base.set": set(),
    "n8n-nodes-base.slack": {"slackApi"},
    "n8n-nodes-base.stickyNote": set(),
    "n8n-nodes-base.switch": set(),
    "n8n-nodes-base.wait": set(),
    "n8n-nodes-base.webhook": set(),
    "n8n-nodes-mailover.mailover": {"mailoverApi"},
    "n8n-nodes-mailover.mailoverTrigger": {"mailoverApi"},
}
"""Types with the credentials they take; those of mailover are called as the package is."""


@pytest.fixture(params=EXAMPLES, ids=lambda each: each.stem)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return document


def test_there_is_an_example_for_everything_that_is_promised() -> None:
    assert {each.stem for each in EXAMPLES} == {
        "approve-fail-back",
        "failover-to-slack-and-ticket",
        "keep-the-backup-warm",
        "postpone-marketing-campaign",
        "scheduled-check",
        "send-mail-with-failover",
        "wait-for-recovery",
    }


def test_a_workflow_has_what_n8n_imports_and_no_id_of_anybodys_own(workflow: dict[str, Any]) -> None:
    assert workflow.keys() == {"name", "nodes", "connections", "settings", "pinData", "tags"}
    assert (workflow["pinData"], workflow["tags"]) == ({}, [])


def test_nodes_have_ids_and_names_of_their_own_and_types_that_exist(workflow: dict[str, Any]) -> None:
    nodes = workflow["nodes"]
    assert len({str(UUID(each["id"])) for each in nodes}) == len({each["name"] for each in nodes}) == len(nodes)
    assert {each["type"] for each in nodes} <= KNOWN_NODES.keys()
    hooks = [each["webhookId"] for each in nodes if "webhookId" in each]
    assert len({str(UUID(each)) for each in hooks}) == len(hooks)


def test_a_credential_is_only_a_name(workflow: dict[str, Any]) -> None:
    for node in workflow["nodes"]:
        credentials = node.get("credentials", {})
        assert credentials.keys() == KNOWN_NODES[node["type"]], node["name"]
        assert all(each["id"] is None and each.keys() == {"id", "name"} for each in credentials.values())


def test_every_connection_joins_nodes_that_are_there(workflow: dict[str, Any]) -> None:
    names = {each["name"] for each in workflow["nodes"]}
    joined = {
        end["node"]
        for ways in workflow["connections"].values()
        for outputs in ways.values()
        for output in outputs
        for end in output
    }
    assert joined | workflow["connections"].keys() <= names
    notes = {each["name"] for each in workflow["nodes"] if each["type"].endswith("stickyNote")}
    assert notes, "an example says what it is"
    starts = {
        each["name"] for each in workflow["nodes"] if "rigger" in each["type"] or each["type"].endswith("webhook")
    }
    assert joined | notes | starts == names, "every other node is reached"


def test_an_expression_names_only_nodes_that_are_there(workflow: dict[str, Any]) -> None:
    names = {each["name"] for each in workflow["nodes"]}
    assert set(re.findall(r"\$\('([^']+)'\)", json.dumps(workflow))) <= names


def test_the_nodes_offer_every_type_of_event() -> None:
    offered = re.findall(r"value: '([a-z_]+\.[a-z_]+)'", (PACKAGE / "nodes/events.ts").read_text(encoding="utf-8"))
    assert sorted(offered) == sorted(str(each) for each in EventType)


def test_the_readme_lists_every_operation_and_no_other() -> None:
    offered = {
        name
        for resource in (PACKAGE / "nodes/Mailover/resources").glob("*.ts")
        for name in re.findall(r"name: '([^']+)',\n\s+value: '[^']+',\n\s+action:", resource.read_text("utf-8"))
    }
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\| Resource \| Operations \|\n.*?\n((?:\|.*\n)+)", readme)
    assert table is not None
    rows = [row.split("|")[2] for row in table[1].splitlines()]
    listed = {re.sub(r" \((?!Force).*", "", each).strip() for row in rows for each in row.split("·")}
    assert listed == offered


def test_the_package_is_what_n8n_asks_of_a_community_package() -> None:
    package = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert "n8n-community-node-package" in package["keywords"]
    assert (package["license"], package["files"], package["peerDependencies"]) == (
        "MIT",
        ["dist"],
        {"n8n-workflow": "*"},
    )
    assert package["n8n"]["strict"] is True
    assert "dependencies" not in package
    for built in package["n8n"]["nodes"] + package["n8n"]["credentials"]:
        source = PACKAGE / built.replace("dist/", "").replace(".js", ".ts")
        assert source.exists(), built


@pytest.mark.parametrize("lock", [PACKAGE / "package-lock.json", Path(__file__).parent / "host/package-lock.json"])
def test_a_lock_names_no_registry_but_npms_own(lock: Path) -> None:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    hosts = {each["resolved"].split("/")[2] for each in packages.values() if "resolved" in each}
    assert hosts <= {"registry.npmjs.org"}
    assert all("integrity" in each for name, each in packages.items() if name and not each.get("inBundle"))
