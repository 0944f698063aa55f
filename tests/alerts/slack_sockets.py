"""Slack's side of Socket Mode over a real websocket: greets, tells, waits for acknowledgements, tells again."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from fake_slack import FakeSlack
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

TICKET = "ticket=SECRET-TICKET-0123456789"


class SocketSide:
    """What Slack knows of the app's connections."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.lines: list[ServerConnection] = []
        self.acknowledged: list[str] = []
        self.heard_otherwise: list[str] = []
        self.greets = True
        self.changed = threading.Condition()
        self._told = 0
        self._server: Server | None = None

    @contextmanager
    def serving(self) -> Iterator["SocketSide"]:
        with serve(self._follow, "127.0.0.1", 0) as server:
            port = server.socket.getsockname()[1]
            self.slack.socket_url = f"ws://127.0.0.1:{port}/link/?{TICKET}&app_id=A0123456789"
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def wait_for_lines(self, count: int) -> ServerConnection:
        """The latest connection, once there were so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.lines) >= count, timeout=30)
            return self.lines[-1]

    def tell(self, payload: Mapping[str, object], envelope: str | None = None, attempt: int = 0) -> str:
        """Tell an interaction over the latest connection; the id of its envelope."""
        self._told += 1
        envelope = envelope or f"envelope-{self._told}"
        kind = "slash_commands" if "command" in payload else "interactive"
        told = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": True}
        if attempt:
            told |= {"retry_attempt": attempt, "retry_reason": "timeout"}
        self.lines[-1].send(json.dumps(told))
        return envelope

    def wait_for_ack(self, envelope: str, within: float = 3.0) -> None:
        """Slack gives an app three seconds."""
        with self.changed:
            assert self.changed.wait_for(lambda: envelope in self.acknowledged, timeout=within * 5)

    def _follow(self, line: ServerConnection) -> None:
        assert line.request is not None
        assert TICKET in line.request.path
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()
        with suppress(ConnectionClosed):
            if self.greets:
                line.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0"}}))
            for message in line:
                said = json.loads(message)
                with self.changed:
                    if set(said) == {"envelope_id"}:
                        self.acknowledged.append(said["envelope_id"])
                    else:
                        self.heard_otherwise.append(str(message))
                    self.changed.notify_all()
