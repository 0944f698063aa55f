"""Requests counted by route and status, whichever server answers; the routes are those of the application.

Every request comes by here, readers of the flag too: counting one costs a look into a dictionary.
"""

import re
from functools import lru_cache

from flask import Flask
from prometheus_client import Counter
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

_FLAG = "/v1/active-provider"
_FLAG_OF_A_STREAM = f"{_FLAG}/{{stream}}"
_OFREP = "/ofrep/"
_BELOW_OFREP = f"{_OFREP}{{rest}}"
_UNKNOWN = "unknown"


class Traffic:
    """The counter, and the names of the routes."""

    def __init__(self, app: Flask, counter: Counter) -> None:
        """Nothing is counted yet. Routes may still be added to the application."""
        self._counter = counter
        self._children: dict[tuple[str, int], Counter] = {}
        self._app = app
        self._adapter: MapAdapter | None = None

    def count(self, route: str, code: int) -> None:
        """One answer."""
        child = self._children.get((route, code))
        if child is None:
            child = self._children[route, code] = self._counter.labels(route, str(code))
        child.inc()

    def count_request(self, method: str, path: str, code: int) -> None:
        """One answer to a request that the application never saw."""
        self.count(self._route(method, path), code)

    def _route(self, method: str, path: str) -> str:
        if path == _FLAG:
            return _FLAG
        if path.startswith(f"{_FLAG}/") and "/" not in path[len(_FLAG) + 1 :]:
            return _FLAG_OF_A_STREAM
        if path.startswith(_OFREP):
            return _BELOW_OFREP
        if self._adapter is None:
            self._adapter = self._app.url_map.bind("")
        try:
            rule, _ = self._adapter.match(path, method, return_rule=True)
        except HTTPException:
            return _UNKNOWN
        return named(rule.rule)


@lru_cache
def named(rule: str | None) -> str:
    """A route as the API's description spells it."""
    return _UNKNOWN if rule is None else re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
