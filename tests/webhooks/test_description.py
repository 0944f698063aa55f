"""The OpenAPI document: valid, complete, and true under thousands of odd requests."""

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from api_house import SECRETS, Api, House, open_house
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mailover.config.outlets import Scope
from mailover.core.events import EventType
from webhooks import docs_page
from webhooks.auth import token
from webhooks.examples import EXAMPLES

API_PAGE = Path(__file__).parents[2] / "docs" / "api.md"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ALL = token("all", "mlo_all", [str(scope) for scope in Scope])


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    found = house.app.test_client().get("/openapi.json", headers={"Authorization": f"Bearer {SECRETS['read']}"})
    body: dict[str, Any] = found.get_json()
    return body


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described(house: House, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in house.app.url_map.iter_rules()
        if not rule.rule.startswith(("/ofrep/", "/v1/adapters/"))  # other protocols have documents of their own
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    undescribed = {("/openapi.json", "get"), *((path, "get") for path in docs_page.PATHS)}
    assert served - undescribed == described


def test_every_type_of_event_is_described(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == {each.value for each in EventType}


def test_what_comes_in_headers_is_described_too(document: dict[str, Any]) -> None:
    flag = document["paths"]["/v1/active-provider"]["get"]["responses"]
    assert all("ETag" in flag[status]["headers"] for status in ("200", "304"))
    assert all("Retry-After" in document["components"]["responses"][status]["headers"] for status in ("429", "503"))
    assert "Last-Event-ID" in {each["name"] for each in document["paths"]["/v1/events"]["get"]["parameters"]}
    sent = {each["name"] for each in document["webhooks"]["failover.happened"]["post"]["parameters"]}
    assert sent == {"webhook-id", "webhook-timestamp", "webhook-signature", "Idempotency-Key"}


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text; version=1.0.0"])
def test_both_forms_of_metrics_are_described(api: Api, accept: str) -> None:
    assert api.get("/metrics", scope="metrics", headers={"Accept": accept}).status_code == 200


def test_every_example_is_what_its_shape_says(document: dict[str, Any]) -> None:
    for name, example in EXAMPLES.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(example)
        assert document["components"]["schemas"][name]["examples"] == [example]


def test_whatever_can_be_sent_has_an_example(document: dict[str, Any]) -> None:
    bodies = [operation["requestBody"] for operation in operations(document) if "requestBody" in operation]
    shapes = [body["content"]["application/json"]["schema"] for body in bodies if "application/json" in body["content"]]
    assert len(shapes) > 10
    named = {shape["$ref"].rpartition("/")[2] for shape in shapes if "$ref" in shape}
    assert named <= set(EXAMPLES)


def test_every_operation_has_its_subject_its_own_name_and_a_short_summary(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(operation["summary"] and not operation["summary"].endswith(".") for operation in found)
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {tag for operation in found for tag in operation["tags"]} == set(tags)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_every_route_is_explained_with_a_call_to_copy(document: dict[str, Any]) -> None:
    sections = re.split(r"^### ", API_PAGE.read_text(), flags=re.MULTILINE)[1:]
    explained = {line.strip("`\n"): text for line, text in (each.split("\n", 1) for each in sections)}
    for path, item in document["paths"].items():
        for method in item:
            text = explained[f"{method.upper()} {path}"]
            assert "curl" in text, path


def test_no_page_explains_what_is_not_there(document: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    headings = set(re.findall(r"^### `([A-Z]+ /[^`]*)`", API_PAGE.read_text(), flags=re.MULTILINE))
    assert headings == routes | {"GET /openapi.json", "GET /docs"}


@pytest.mark.timeout(600)
def test_no_odd_request_breaks_a_promise(tmp_path: Path) -> None:
    """Nobody has to wait in this house, because no seat is free."""
    with open_house(tmp_path, tokens=[ALL], seats=0) as house:
        bearer = {"Authorization": "Bearer mlo_all"}
        offer_everything(house)
        document = house.app.test_client().get("/openapi.json", headers=bearer).get_json()
        described = schemathesis.openapi.from_dict(with_real_names(document))
        described.app = house.app
        operations = [each.ok() for each in described.get_all_operations() if isinstance(each, Ok)]
        assert len(operations) > 20
        for operation in operations:
            call_oddly(operation, bearer)


def offer_everything(house: House) -> None:
    """Whoever may be asked is there."""
    house.service.offer_checks(lambda provider, kinds: [house.probe(provider, kind) for kind in kinds])
    house.service.mail.offer(lambda _submission: "mail_1")
    house.service.dns.offer(lambda domains: {"cells": [], "domains": [], "addresses": []})


def with_real_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the names of this house, so that odd requests come further than to a 404."""
    names = {"provider": ["ses", "sendgrid"], "stream": ["marketing", "transactional"]}
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in names:
                    parameter["schema"] = {"enum": names[parameter["name"]]}
    for shape in ("Report", "PinRequest"):
        document["components"]["schemas"][shape]["properties"]["provider"] = {"enum": names["provider"]}
    return document


def call_oddly(operation: Any, headers: dict[str, str]) -> None:
    @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    call()


@pytest.mark.timeout(600)
def test_no_odd_sequence_of_calls_breaks_a_promise(tmp_path: Path) -> None:
    """What one call answers with, the next is made with: a subscription is made, tested and ended."""
    with open_house(tmp_path, tokens=[ALL], seats=0) as house:
        bearer = {"Authorization": "Bearer mlo_all"}
        offer_everything(house)
        document = house.app.test_client().get("/openapi.json", headers=bearer).get_json()
        described = schemathesis.openapi.from_dict(with_real_names(document))
        described.app = house.app
        machine: Any = described.as_state_machine()

        class Workflow(machine):  # type: ignore[misc]
            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return {"headers": bearer}

            def validate_response(self, response: Any, case: Any, additional_checks: Any = (), **more: Any) -> None:
                case.validate_response(response, checks=CHECKS)

        Workflow.run(
            settings=settings(
                max_examples=10,
                stateful_step_count=12,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
