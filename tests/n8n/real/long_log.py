"""A stand-in for mailover with a log of failovers so long that it comes in pages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class LongLog:
    """Answers with as many items as there are in one page, and the number of the next page."""

    def __init__(self, *pages: int) -> None:
        """`pages` has how many items are in each."""
        self.pages = pages
        self.queries: list[dict[str, list[str]]] = []
        """What was asked."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"log": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator["LongLog"]:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def page(self, query: dict[str, list[str]]) -> dict[str, object]:
        self.queries.append(query)
        (after,) = query.get("after", ["0"])
        at = int(after)
        items = [{"page": at, "number": number} for number in range(self.pages[at])]
        return {"items": items, "next": str(at + 1) if at + 1 < len(self.pages) else None}


class Handler(BaseHTTPRequestHandler):
    log: LongLog

    def do_GET(self) -> None:
        answer = json.dumps(self.log.page(parse_qs(urlsplit(self.path).query))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        return
