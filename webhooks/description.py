"""The OpenAPI 3.1 document at `/openapi.json`: what the views declare, with guards, problems and event shapes added."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_openapi.models import OPENAPI3_REF_TEMPLATE
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI

from mailover.config.outlets import Scope
from mailover.core.events import EventType
from webhooks import slack
from webhooks.answers import JSON_TYPE, PROBLEM_TYPE
from webhooks.asked import ProviderWords
from webhooks.auth import scope_of
from webhooks.event_schemas import EventBody
from webhooks.examples import EXAMPLES
from webhooks.mail_asked import MessageRequest
from webhooks.messages import MESSAGE_TYPE
from webhooks.schemas import Problem
from webhooks.tags import TAG_OF, TAGS
from webhooks.traffic import named

_PROBLEMS = {
    "400": "The request cannot be read.",
    "401": "A valid token is needed.",
    "403": "The token lacks the scope.",
    "404": "Nothing has this name.",
    "409": "The present state does not allow it.",
    "411": "The end of the body cannot be known.",
    "413": "The body is too large.",
    "415": "The body must be JSON.",
    "422": "The request is not valid.",
    "429": "Too many calls.",
    "500": "A defect; the log has the details.",
    "503": "It cannot be done now.",
}
_WAITING = [
    {
        "name": "epoch",
        "in": "query",
        "description": "The epoch you know; the answer comes at once when it differs.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    },
    {
        "name": "wait",
        "in": "query",
        "description": "How long to wait for a change, as in 30s; at most 60 s.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,6}(ms|s|m)?$"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag you know; 304 when nothing changed.",
        "schema": {"type": "string"},
    },
    {
        "name": "Prefer",
        "in": "header",
        "description": "wait=30, with If-None-Match: wait for a change (RFC 7240).",
        "schema": {"type": "string"},
    },
]
_LAST_SEEN = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "For a stream: the last event you have; what came after it comes first.",
    "schema": {"type": "string"},
}
_HEADERS = {
    "ETag": {"description": "Strong; equal while the epoch is equal.", "schema": {"type": "string"}},
    "Mailover-Epoch": {"description": "The body's `epoch`.", "schema": {"type": "integer", "minimum": 1}},
    "Mailover-Stale": {
        "description": "Only while the agent has stopped deciding: for how many seconds.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
}
_WITH_THE_FLAG = ("ETag", "Mailover-Epoch", "Mailover-Stale")
_WITH_AN_EVENT = {
    "webhook-id": "The event's id, the same in every attempt.",
    "webhook-timestamp": "When this attempt was made, in Unix seconds.",
    "webhook-signature": "One `v1,` signature or two, with a blank between them (Standard Webhooks 1.0.0).",
    "Idempotency-Key": "The event's id.",
}
_MESSAGE_TYPES = {
    JSON_TYPE: {"schema": {"$ref": "#/components/schemas/MessageRequest"}},
    MESSAGE_TYPE: {"schema": {"type": "string", "description": "RFC 5322 bytes; the query may give the envelope."}},
}
_PROVIDER_WORDS = {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/ProviderWords"}}}
_REPEAT = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any text of your own: a call made twice under it is carried out once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}


def install(app: OpenAPI) -> None:
    """Serve the document. Call it when every blueprint is registered."""
    app.openapi_version = "3.1.0"
    app.info = Info(
        title="mailover", version="1", description="Which mail provider is active, and everything around it."
    )
    rules = list(app.url_map.iter_rules())
    names = {(named(rule.rule), method): rule.endpoint for rule in rules for method in rule.methods or ()}
    document = _completed(copy.deepcopy(app.api_doc), names)
    app.add_url_rule("/openapi.json", "openapi_document", lambda: document, methods=["GET"])


def _completed(document: dict[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for model in (EventBody, MessageRequest, Problem, ProviderWords):
        shape = model.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE, mode="serialization")
        schemas.update(shape.pop("$defs", {}))
        schemas[model.__name__] = shape
    for unused in ("ValidationErrorModel", "ValidationErrorDetail"):
        schemas.pop(unused, None)
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    document["components"]["headers"] = _HEADERS
    document["components"]["responses"] = {status: _problem(status, told) for status, told in _PROBLEMS.items()}
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    document["webhooks"] = {each.value: {"post": _webhook(each)} for each in EventType}
    used = set()
    for path, method, operation in _operations(document):
        subject, _, name = names[path, method].rpartition(".")
        used.add(TAG_OF.get(subject, subject))
        operation |= {"operationId": name, "tags": [TAG_OF.get(subject, subject)]}
        _complete(path, method, operation)
    document["tags"] = [tag for tag in TAGS if tag["name"] in used]
    document["tags"] += [{"name": name} for name in sorted(used - {tag["name"] for tag in TAGS})]
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    scope = scope_of(method, path)
    told = operation.get("summary", "").rstrip(".")
    operation["summary"], *more = re.split(r"; |\. ", told, maxsplit=1)
    operation["description"] = f"{told}." if more else ""
    if path in _SIGNED:
        _SIGNED[path](operation)
        return
    if scope is not None:
        operation["security"] = [{"bearer": []}, {"key": []}]
        operation["description"] = f"{operation['description']} {_scope_needed(scope)}".strip()
        for status in _PROBLEMS:
            if status not in operation["responses"] or status == "422":
                operation["responses"][status] = _refused(status)
    else:
        operation["security"] = []
        operation["responses"].pop("422", None)
    parameters = operation.setdefault("parameters", [])
    if method != "GET":
        parameters.append(_REPEAT)
    _add_what_no_view_declares(path, method, operation)


def _add_what_no_view_declares(path: str, method: str, operation: dict[str, Any]) -> None:
    """What views read and answer past their shapes: headers, bytes and streams."""
    parameters, answers = operation["parameters"], operation["responses"]
    if path.startswith("/v1/active-provider"):
        parameters.extend(_WAITING)
        for status in ("200", "304"):
            answers[status]["headers"] = _named_headers(*_WITH_THE_FLAG)
    if (method, path) == ("POST", "/v1/messages"):
        operation["requestBody"] = {"required": True, "content": _MESSAGE_TYPES}
    if path.endswith("/content"):
        answers["200"]["content"] = {MESSAGE_TYPE: {"schema": {"type": "string"}}}
    if path == "/v1/events":
        parameters.append(_LAST_SEEN)
        answers["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}


def _complete_signed(operation: dict[str, Any]) -> None:
    """What Slack calls: no token, but a signature; a form, whose fields are Slack's."""
    operation["security"] = []
    operation["requestBody"] = {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    }
    for status in ("400", "401", "404", "411", "413", "429", "500", "503"):
        operation["responses"][status] = _refused(status)
    operation["responses"].pop("422", None)


def _complete_feedback(operation: dict[str, Any]) -> None:
    """What providers call: no token, but a proof of each one's own; JSON in each one's own form."""
    operation["security"] = []
    operation["requestBody"] = {"required": True, "content": _PROVIDER_WORDS}
    operation["responses"].pop("422", None)
    for status in ("400", "401", "411", "413", "429", "500", "503"):
        operation["responses"][status] = _refused(status)


_SIGNED: Mapping[str, Callable[[dict[str, Any]], None]] = {
    slack.PATH: _complete_signed,
    "/v1/feedback/{provider}": _complete_feedback,
}
"""Calls that no token opens."""


def _scope_needed(scope: Scope) -> str:
    return f"Needs the scope `{scope}`."


def _refused(status: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{status}"}


def _problem(status: str, description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    told: dict[str, Any] = {"description": description, "content": {PROBLEM_TYPE: {"schema": reference}}}
    return told | ({"headers": _named_headers("Retry-After")} if status in {"429", "503"} else {})


def _named_headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _webhook(event_type: EventType) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/EventBody"}
    return {
        "operationId": event_type.replace(".", "_"),
        "summary": f"{event_type}, as sent to webhooks",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
            for name, told in _WITH_AN_EVENT.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}},
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Nobody is there any more: nothing more is sent until it is switched on again."},
            "default": {"description": "Not taken: it is sent again later."},
        },
    }
