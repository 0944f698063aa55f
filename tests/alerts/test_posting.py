"""One POST that ends."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mailover.alerts.posting import Answer, Poster, retry_after
from mailover.alerts.transport import DeliveryError
from mailover.demo.authority import Authority

NOON = 1_763_726_400.0  # Fri, 21 Nov 2025 12:00:00 GMT


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("X-Asked", f"{self.path} {self.headers['Host']} {self.headers['Accept-Encoding']}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - a refused certificate is no news
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_post_carries_its_path_and_brings_the_answer() -> None:
    with serving() as port:
        answer = Poster().post(f"http://localhost:{port}/a/b?c=d", b"ping", {"Content-Type": "text/plain"})
    assert (answer.status, answer.body) == (200, b"ping")
    assert answer.headers["x-asked"] == f"/a/b?c=d localhost:{port} identity"


def test_a_certificate_is_checked_against_the_name(authority: Authority) -> None:
    with serving(authority.server_context("localhost")) as port:
        trusting = Poster(tls=authority.client_context())
        assert trusting.post(f"https://localhost:{port}/", b"ping", {}).body == b"ping"
        for poster, host in ((Poster(), "localhost"), (trusting, "127.0.0.1")):
            with pytest.raises(DeliveryError, match=f"no answer from {host}: its certificate is refused"):
                poster.post(f"https://{host}:{port}/secret", b"ping", {})


def test_a_long_answer_is_read_up_to_the_limit() -> None:
    with serving() as port:
        answer = Poster().post(f"http://127.0.0.1:{port}/", b"x" * 1_000_000, {})
    assert len(answer.body) == 64 * 1024


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret", "http:///secret", "http://localhost:99999/secret", "http://a..b/secret"]
)
def test_a_place_that_cannot_be_reached_is_named_without_its_path(url: str) -> None:
    with pytest.raises(DeliveryError, match="no answer from") as failed:
        Poster(seconds=2.0).post(url, b"", {})
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("30", 30),
        ("Fri, 21 Nov 2025 12:02:00 GMT", 120),
        ("Fri, 21 Nov 2025 11:00:00 GMT", 0),
        ("9" * 50, 86400),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("²", None),
    ],
)
def test_a_request_to_wait_is_understood(said: str, seconds: int | None) -> None:
    answer = Answer(status=429, headers={"retry-after": said}, body=b"")
    assert retry_after(answer, NOON) == (None if seconds is None else timedelta(seconds=seconds))
