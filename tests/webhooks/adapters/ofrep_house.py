"""OFREP's client side: evaluates flags, holds each answer against the specification, listens to the stream."""

import copy
import threading
import time
from pathlib import Path
from typing import Any

import requests
import yaml
from api_house import Api
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

FLAGS = "/ofrep/v1/evaluate/flags"
SPECIFICATION = Path(__file__).parents[2] / "data" / "ofrep-openapi.yaml"


def told_loosely(schema: Any) -> Any:
    """The specification's `oneOf` of value types, as meant: a 0.0 is an integer too, and anything may lack a value."""
    if isinstance(schema, dict):
        return {("anyOf" if key == "oneOf" else key): told_loosely(value) for key, value in schema.items()}
    return [told_loosely(each) for each in schema] if isinstance(schema, list) else schema


def read_specification() -> dict[str, Any]:
    document: dict[str, Any] = told_loosely(yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8")))
    return document


class Ofrep:
    """Evaluates, and holds every answer against the specification."""

    def __init__(self, api: Api, specification: dict[str, Any]) -> None:
        self.api = api
        self._specification = specification

    def call(
        self, key: str | None = None, /, *, headers: dict[str, str] | None = None, **context: Any
    ) -> requests.Response:
        path = FLAGS if key is None else f"{FLAGS}/{key}"
        answer = self.api.call("POST", path, json={"context": context}, headers=headers or {})
        self.hold(answer, bulk=key is None)
        return answer

    def value(self, key: str, /, **context: Any) -> Any:
        answer = self.call(key, **context)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def hold(self, answer: requests.Response, *, bulk: bool) -> None:
        operation = self._specification["paths"][FLAGS if bulk else f"{FLAGS}/{{key}}"]["post"]
        promised = operation["responses"][str(answer.status_code)]
        if answer.status_code == 304:
            assert answer.content == b""
            return
        assert answer.headers["Content-Type"] == "application/json"
        schema = copy.deepcopy(promised["content"]["application/json"]["schema"])
        Draft202012Validator({**schema, "components": self._specification["components"]}).validate(answer.json())


class Listener:
    """Reads the stream in a thread."""

    def __init__(self, url: str) -> None:
        self._answer = requests.get(url, stream=True, timeout=30)
        assert self._answer.status_code == 200, self._answer.text
        self.headers = self._answer.headers
        self.events: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._answer.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, value = line.partition(": ")
                if name and line[0] != ":":
                    fields[name] = value
                elif fields:
                    self.events.append(fields)
                    fields = {}
        except (requests.RequestException, AttributeError):
            return

    def until(self, count: int) -> dict[str, str]:
        deadline = time.monotonic() + 10
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.events) == count
        return self.events[-1]

    def close(self) -> None:
        self._answer.close()
        self._thread.join(timeout=10)
