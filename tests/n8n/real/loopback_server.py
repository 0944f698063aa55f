"""An HTTP server of a test on a free port of loopback, in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class LoopbackServer:
    """Serves while `serving`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], **known: object) -> None:
        """`known` are what the handlers find in their class."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (handler,), known))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[Self]:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
