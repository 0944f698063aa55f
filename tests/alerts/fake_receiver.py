"""A web server on loopback that takes what it is sent, and can be told to refuse or to hang."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeReceiver:
    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.status = 200
        self.hang = False
        self.closing = threading.Event()
        self.arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"receiver": self}))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.taken) >= count, timeout=30)

    @contextmanager
    def serving(self) -> Iterator["FakeReceiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    receiver: FakeReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.receiver.arrived:
            self.receiver.taken.append((self.path, body))
            self.receiver.arrived.notify_all()
        if self.receiver.hang:
            self.receiver.closing.wait(60)
        with suppress(OSError):  # the sender may have had enough
            self.send_response(self.receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        return
