"""A line to mailover that loses the first answers: the call is carried out, and the caller never hears of it."""

from http.server import BaseHTTPRequestHandler

import requests
from loopback_server import LoopbackServer


class LossyLine(LoopbackServer):
    """Passes calls on; what came is kept."""

    def __init__(self, target: str, *, losing: int = 1) -> None:
        """`target` is mailover's base URL; `losing` answers are lost."""
        self.losing = losing
        self.keys: list[str | None] = []
        """The Idempotency-Key of each call."""
        self.target = target
        super().__init__(Handler, line=self)


class Handler(BaseHTTPRequestHandler):
    line: LossyLine

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        answer = requests.put(self.line.target + self.path, data=body, headers=headers, timeout=30)
        self.line.keys.append(self.headers["Idempotency-Key"])
        if len(self.line.keys) <= self.line.losing:
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *args: object) -> None:
        return
