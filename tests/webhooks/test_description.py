"""The OpenAPI document: valid, complete, and true under thousands of odd requests."""

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from api_house import SECRETS, House, open_house
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mailover.core.events import EventType
from webhooks.auth import Scope, token

API_PAGE = Path(__file__).parents[2] / "docs" / "api.md"
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
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in house.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert served - {("/openapi.json", "get")} == described


def test_every_type_of_event_is_described(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == {each.value for each in EventType}


def test_every_route_is_explained_with_a_call_to_copy(document: dict[str, Any]) -> None:
    """docs/api.md has a heading for each route, and a curl line beneath it."""
    sections = re.split(r"^### ", API_PAGE.read_text(), flags=re.MULTILINE)[1:]
    explained = {line.strip("`\n"): text for line, text in (each.split("\n", 1) for each in sections)}
    for path, item in document["paths"].items():
        for method in item:
            text = explained[f"{method.upper()} {path}"]
            assert "curl" in text, path


def test_no_page_explains_what_is_not_there(document: dict[str, Any]) -> None:
    routes = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    headings = set(re.findall(r"^### `([A-Z]+ /[^`]*)`", API_PAGE.read_text(), flags=re.MULTILINE))
    assert headings == routes | {"GET /openapi.json"}


@pytest.fixture(scope="module")
def odd_requests(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The document of a house where nobody has to wait, because no seat is free."""
    with open_house(tmp_path_factory.mktemp("odd"), tokens=[ALL], seats=0) as house:
        yield schemathesis.openapi.from_wsgi("/openapi.json", house.app, headers={"Authorization": "Bearer mlo_all"})


schema = schemathesis.pytest.from_fixture("odd_requests")


@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_odd_request_breaks_a_promise(case: Case) -> None:
    case.call_and_validate(
        headers={"Authorization": "Bearer mlo_all"},
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
    )
