"""The outside world of n8n on loopback: a proxy behind which the hosts that workflows call are answered by a test.

Slack checks what Slack checks of a post; the ticket system and the campaign tool take what they get. Nothing here
leaves this machine.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback_server import LoopbackServer

from mailover.demo.authority import Authority

SLACK_TOKEN = "xoxb-012345678901-abcdefghijklmnop"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that came."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: Any


class FakeInternet(LoopbackServer):
    """Every host there is. What comes is kept, and answered by host."""

    def __init__(self, authority: Authority) -> None:
        self.calls: list[Call] = []
        self.arrived = threading.Condition()
        self._authority = authority
        self._answers: dict[str, Callable[[Call], tuple[int, object]]] = {
            "slack.com": _slack,
            "api.openai.com": _openai,
            "example.atlassian.net": _jira,
            "campaigns.example.com": lambda call: (200, {"ok": True}),
        }
        self._contexts: dict[str, ssl.SSLContext] = {}
        super().__init__(Handler, world=self)

    def to(self, host: str) -> list[Call]:
        """What came for a host."""
        return [each for each in self.calls if each.host == host]

    def forget(self) -> None:
        """As if nothing had come."""
        self.calls.clear()

    @contextmanager
    def out_of_order(self, host: str) -> Iterator[None]:
        """A host that has trouble for a while."""
        usual, self._answers[host] = self._answers[host], lambda call: (500, {"error": "out of order"})
        try:
            yield
        finally:
            self._answers[host] = usual

    def wait_for(self, host: str, count: int = 1, patience: float = 60) -> list[Call]:
        """What came for a host, once there is so much of it."""
        with self.arrived:
            came = self.arrived.wait_for(lambda: len(self.to(host)) >= count, timeout=patience)
        assert came, f"{host} got {len(self.to(host))} of {count}"
        return self.to(host)

    def context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            self._contexts[host] = self._authority.server_context(host)
        return self._contexts[host]

    def answer(self, call: Call) -> tuple[int, object]:
        with self.arrived:
            self.calls.append(call)
            self.arrived.notify_all()
        known = self._answers.get(call.host)
        return known(call) if known else (404, {"error": "there is no such host here"})


def _openai(call: Call) -> tuple[int, object]:
    """A model that calls the first tool once with each of the arguments that the prompt lists, and then says so."""
    messages = call.body["messages"]
    wanted = json.loads(next(each["content"] for each in messages if each["role"] == "user"))
    done = [each["content"] for each in messages if each["role"] == "tool"]
    said: dict[str, object] = {"role": "assistant", "content": f"I called it {len(done)} times: {done}"}
    if len(done) < len(wanted):
        function = {"name": call.body["tools"][0]["function"]["name"], "arguments": json.dumps(wanted[len(done)])}
        asked = {"id": f"call_{len(done)}", "type": "function", "function": function}
        said = {"role": "assistant", "content": None, "tool_calls": [asked]}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    told = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
    return 200, {**told, "choices": [choice], "usage": usage}


def _jira(call: Call) -> tuple[int, object]:
    if call.path.startswith("/rest/api/2/issuetype"):
        return 200, [{"id": "10001", "name": "Task", "subtask": False}]
    return 201, {"id": "20001", "key": "OPS-1"}


def _slack(call: Call) -> tuple[int, object]:
    if call.headers.get("authorization") != f"Bearer {SLACK_TOKEN}":
        return 200, {"ok": False, "error": "invalid_auth"}
    if not isinstance(call.body, dict) or not call.body.get("channel"):
        return 200, {"ok": False, "error": "channel_not_found"}
    if not call.body.get("text") and not call.body.get("blocks"):
        return 200, {"ok": False, "error": "no_text"}
    return 200, {"ok": True, "channel": call.body["channel"], "ts": "1700000000.000100", "message": {}}


class Handler(BaseHTTPRequestHandler):
    world: FakeInternet
    protocol_version = "HTTP/1.1"
    timeout = 30
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.world.context(self.host).wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", self.wbufsize)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with suppress(ValueError):
            body = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(method=self.command, host=self.host, path=self.path, headers=headers, body=body)
        status, told = self.world.answer(call)
        answer = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    do_GET = do_POST  # noqa: N815 - the library finds it by this name

    def log_message(self, *args: object) -> None:
        return
