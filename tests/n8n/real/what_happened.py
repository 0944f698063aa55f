"""Why a test failed, as mailover and n8n tell it: events, deliveries, runs and the log of the time of the test."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import requests
from n8n_world import World

_LINES = 40


class Witness:
    """Looks on from the start of a test."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun = datetime.now(UTC).isoformat()
        self._logged = len(world.n8n.words())

    def story(self) -> str:
        """Everything there is to tell, also when one side is away."""
        parts: dict[str, Callable[[], Iterator[str]]] = {
            "mailover's events": self._events,
            "its deliveries": self._deliveries,
            "n8n's runs": self._runs,
            "what came to Slack and the others": self._calls,
            "n8n's log": self._log,
        }
        return "\n".join(line for title, tell in parts.items() for line in (f"{title}:", *_told(tell)))

    def _events(self) -> Iterator[str]:
        items = self._world.call("GET", f"/events?newest=true&limit={_LINES}")["items"]
        for each in reversed(items):
            if each["time"] >= self._begun[:19]:
                yield f"{each['time']} {each['type']} {each['subject']}: {each['data']['because']}"

    def _deliveries(self) -> Iterator[str]:
        for each in self._world.subscriptions():
            yield f"{each['id']} {each['events']} to {each['url']}"
            for line in self._world.call("GET", f"/subscriptions/{each['id']}/deliveries?limit=10")["items"]:
                yield f"  {line['time']} {line['type']} {line['state']} {line['status']} {line['last_error'] or ''}"

    def _runs(self) -> Iterator[str]:
        for each in reversed(self._world.n8n.call("GET", f"/executions?limit={_LINES}")["results"]):
            if (each["startedAt"] or "") >= self._begun[:19]:
                yield f"{each['startedAt']} {each['workflowName']} {each['id']}: {each['status']}"
                if each["status"] in {"error", "crashed"}:
                    yield f"  {_words(self._world.n8n.run_of(each['id'])['error'])}"

    def _calls(self) -> Iterator[str]:
        for each in self._world.internet.calls[-_LINES:]:
            yield f"{each.method} {each.host}{each.path}"

    def _log(self) -> Iterator[str]:
        yield from self._world.n8n.words()[self._logged :].splitlines()[-_LINES:]


def _told(tell: Callable[[], Iterator[str]]) -> Iterator[str]:
    try:
        for line in tell():
            yield f"  {line}"
    except (requests.RequestException, AssertionError) as error:
        yield f"  nothing: {error!r:.300}"


def _words(error: Any) -> str:
    told = error or {}
    node = (told.get("node") or {}).get("name", "?")
    return f"{node}: {told.get('message')} ({told.get('description')})"
