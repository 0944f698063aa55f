"""A stand-in for mailover with a log of failovers so long that it comes in pages."""

import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from loopback_server import LoopbackServer


class LongLog(LoopbackServer):
    """Answers with as many items as there are in one page, and the number of the next page."""

    def __init__(self, *pages: int) -> None:
        """`pages` has how many items are in each."""
        self.pages = pages
        self.queries: list[dict[str, list[str]]] = []
        """What was asked."""
        super().__init__(Handler, log=self)

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
