"""A receiver of outgoing webhooks on loopback: it keeps whole requests and answers as it is told."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(kw_only=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class HookReceiver:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: deque[Reply] = deque()
        """What the next requests are answered; after that, `always`."""
        self.always = Reply()
        self.closing = threading.Event()
        self.arrived = threading.Condition()
        self._server = Server(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"receiver": self}))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.requests]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, timeout=30)

    def next_reply(self) -> Reply:
        return self.script.popleft() if self.script else self.always

    @contextmanager
    def serving(self) -> Iterator["HookReceiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Handler(BaseHTTPRequestHandler):
    receiver: HookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.receiver.arrived:
            self.receiver.requests.append(Request(path=self.path, headers=headers, body=body))
            reply = self.receiver.next_reply()
            self.receiver.arrived.notify_all()
        if reply.hang:
            self.receiver.closing.wait(60)
        with suppress(OSError):  # the sender may have had enough
            self.send_response(reply.status)
            for name, value in {"Content-Length": "0", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()

    def log_message(self, *args: object) -> None:
        return
