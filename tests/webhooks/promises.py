"""Holds real answers against the OpenAPI document: status, content type and shape of everything the tests meet."""

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]


class Promises:
    """What the document says of each route."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._routes = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), item) for path, item in document["paths"].items()
        ]

    def hold(self, answer: requests.Response) -> None:
        """Fail when the answer is not what the document promises; other paths and methods promise nothing."""
        path = urlsplit(answer.url).path
        item: dict[str, Any] = next((item for pattern, item in self._routes if pattern.fullmatch(path)), {})
        operation = item.get((answer.request.method or "").lower())
        if operation is None or answer.status_code == 405:
            return
        promised = operation["responses"].get(str(answer.status_code))
        assert promised is not None, f"{answer.request.method} {path} promises no {answer.status_code}"
        if "$ref" in promised:
            promised = self._document["components"]["responses"][promised["$ref"].rpartition("/")[2]]
        assert not ({"ETag", "Retry-After"} & promised.get("headers", {}).keys()) - answer.headers.keys()
        content_type = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status_code == 304 or not answer.content:
            return
        assert content_type in promised["content"], f"{answer.request.method} {path} promises no {content_type}"
        schema = promised["content"][content_type]["schema"]
        if not content_type.endswith("json"):
            return
        Draft202012Validator({**schema, "components": self._document["components"]}).validate(answer.json())
