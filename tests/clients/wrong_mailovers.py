"""Answers to `GET /v1/active-provider`, as scripts for a hostile server: a good one, and every kind of wrong one."""

import json
from typing import Any

from hostile.servers import Peer, Script

FLAG: dict[str, Any] = {
    "stream": "mail",
    "provider": "second",
    "fallbacks": ["first"],
    "weights": {"second": 1.0},
    "mode": "failover",
    "sending": True,
    "because": "first is out",
    "epoch": 7,
    "valid_for_seconds": 60,
}


def http(body: bytes | dict[str, Any], status: str = "200 OK", headers: str = "") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


def request(peer: Peer) -> str:
    """Read one request's head; its first line."""
    while peer.line():
        pass
    return next(line for line in peer.lines if " HTTP/1.1" in line)


def answering(data: bytes) -> Script:
    def script(peer: Peer) -> None:
        request(peer)
        peer.say(data)

    return script


def dripping(data: bytes) -> Script:
    def script(peer: Peer) -> None:
        request(peer)
        peer.drip(data)

    return script


def flooding(head: bytes, data: bytes) -> Script:
    def script(peer: Peer) -> None:
        request(peer)
        peer.say(head)
        peer.flood(data)

    return script


HEAD = b"HTTP/1.1 200 OK\r\n"
WRONG: dict[str, Script] = {
    "closes": Peer.reset,
    "silent": Peer.mute,
    "drips its status line": dripping(b"HTTP/1.1 200 OK, "),
    "drips headers": dripping(b"X: y\r\n"),
    "drips the body": flooding(HEAD + b"Content-Length: 900\r\n\r\n", b""),
    "floods headers": flooding(HEAD, b"X: y\r\n" * 1000),
    "floods a body": flooding(HEAD + b"\r\n", b"x" * 10000),
    "claims a huge body": answering(HEAD + b"Content-Length: 99999999999\r\n\r\nxx"),
    "not HTTP": answering(b"220 mail.example ESMTP\r\n"),
    "garbage": answering(http(b"<html>it works</html>")),
    "not UTF-8": answering(http(b'{"provider": "\xff"}')),
    "a list": answering(http(b"[]")),
    "nested": answering(http(b"[" * 100_000)),
    "endless number": answering(http(b'{"epoch": ' + b"9" * 5000 + b"}")),
    "nothing": answering(http(b"")),
    "redirect": answering(http(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n")),
    "401": answering(http(b"{}", "401 Unauthorized")),
    "404": answering(http(b"{}", "404 Not Found")),
    "500": answering(http(b"{}", "500 Internal Server Error")),
    "204": answering(b"HTTP/1.1 204 No Content\r\n\r\n"),
    **{
        f"{name} is {value!r}": answering(http({**FLAG, name: value}))
        for name, value in [
            ("provider", 5),
            ("fallbacks", "first"),
            ("fallbacks", [None, {}]),
            ("weights", {"second": "all"}),
            ("weights", {"second": -1}),
            ("weights", {"second": float("nan")}),
            ("sending", "no"),
            ("epoch", True),
            ("because", None),
            ("valid_for_seconds", "long"),
        ]
    },
}
