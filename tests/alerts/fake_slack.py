"""A Slack on loopback that checks what Slack checks, and can be told to misbehave."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

TOKEN = "xoxb-012345678901-abcdefghijklmnop"
APP_TOKEN = "xapp-1-A0123456789-0123456789012-abcdefghijklmnop"
CHANNEL = "C0123456789"
HOOK = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


@dataclass(frozen=True, kw_only=True)
class Misdeed:
    """What to do with the next post instead of taking it."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False
    take_but_drop_the_answer: bool = False


Post = dict[str, object]


class FakeSlack:
    def __init__(self) -> None:
        self.posted: list[Post] = []
        """Every message as it was first posted, with the `ts` it got."""
        self.shown: dict[str, Post] = {}
        """Every message as people see it now, by `ts`."""
        self.updates = 0
        self.down = False
        self.misdeeds: deque[Misdeed] = deque()
        self.calls = 0
        self.whispered: list[tuple[str, Post]] = []
        """What single people were told, with the address they were told at."""
        self.connections_opened = 0
        self.socket_url = ""
        """Where Socket Mode is; empty while it is switched off."""
        self.closing = threading.Event()
        self.arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"slack": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.api_url = f"{self.url}/api/"

    @property
    def headlines(self) -> list[str]:
        """What people saw, without the sign in front."""
        return [str(blocks(p)[0]["text"]["text"])[2:] for p in self.posted]

    @property
    def channel(self) -> list[Post]:
        """What everybody in the channel sees now, in order: messages, and answers that were broadcast."""
        return [p for p in self.shown.values() if not p.get("thread_ts") or p.get("reply_broadcast")]

    def thread(self, post: Post) -> list[Post]:
        """The answers to a message, in order."""
        return [p for p in self.shown.values() if p.get("thread_ts") == post["ts"]]

    def delete(self, post: Post) -> None:
        """Somebody deletes a message and with it its thread."""
        for each in [post, *self.thread(post)]:
            del self.shown[str(each["ts"])]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.posted) >= count, timeout=30)

    @contextmanager
    def serving(self) -> Iterator["FakeSlack"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def wait_for_whispers(self, count: int) -> list[str]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.whispered) >= count, timeout=30)
        return [str(said["text"]) for _, said in self.whispered]

    def wait_until(self, holds: Callable[[], bool]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(holds, timeout=30)

    def take(self, post: Post) -> str:
        """Keep a new message, or the new words of an old one; its `ts`."""
        with self.arrived:
            if "ts" in post:
                ts = str(post["ts"])
                self.shown[ts] = {**self.shown[ts], **post}
                self.updates += 1
                self.arrived.notify_all()
                return ts
            ts = f"1700000000.{len(self.posted):06d}"
            self.shown[ts] = {**post, "ts": ts}
            self.posted.append(self.shown[ts])
            self.arrived.notify_all()
            return ts

    def verdict(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, Post | None]:
        """Slack's word for a request, and the message if it is taken."""
        kind = headers.get("content-type", "").partition(";")[0]
        if path in {"/api/chat.postMessage", "/api/chat.update"}:
            if headers.get("authorization") != f"Bearer {TOKEN}":
                return "invalid_auth", None
            post = json.loads(body) if kind == "application/json" else form(body)
            if post.get("channel") != CHANNEL:
                return "channel_not_found", None
            if path.endswith("update") and str(post.get("ts")) not in self.shown:
                return "message_not_found", None
            if post.get("thread_ts") is not None and str(post["thread_ts"]) not in self.shown:
                return "thread_not_found", None
            if post.get("reply_broadcast") and post.get("thread_ts") is None:
                return "invalid_arguments", None
        elif path == HOOK or path.startswith("/actions/"):
            post = json.loads(body)
        else:
            return "no_service", None
        if not post.get("text"):
            return "no_text", None
        if path.startswith("/actions/"):
            return ("ok", post) if post.get("response_type") == "ephemeral" else ("invalid_payload", None)
        return (word, None) if (word := bad_blocks(post)) else ("ok", post)


class Handler(BaseHTTPRequestHandler):
    slack: FakeSlack

    def do_POST(self) -> None:
        self.slack.calls += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        misdeed = self.slack.misdeeds.popleft() if self.slack.misdeeds else None
        if self.slack.down:
            misdeed = Misdeed(status=503, body="down")
        headers = {k.lower(): v for k, v in self.headers.items()}
        if self.path == "/api/apps.connections.open" and misdeed is None:
            self._open_connection(headers)
            return
        word, post = self.slack.verdict(self.path, headers, body)
        if misdeed is None and post is not None and self.path.startswith("/actions/"):
            with self.slack.arrived:
                self.slack.whispered.append((self.path, post))
                self.slack.arrived.notify_all()
            self._say(200, "ok", {})
        elif misdeed is None:
            self._say_word(word, self.slack.take(post) if post is not None else "")
        elif misdeed.take_but_drop_the_answer:
            assert post is not None
            self.slack.take(post)
            self.close_connection = True
        elif misdeed.hang:
            self.slack.closing.wait(60)
        elif misdeed.drip:
            self._drip()
        else:
            self._say(misdeed.status, misdeed.body, misdeed.headers)

    def _open_connection(self, headers: dict[str, str]) -> None:
        with self.slack.arrived:
            self.slack.connections_opened += 1
            self.slack.arrived.notify_all()
        answer: Post = {"ok": False, "error": "invalid_auth"}
        if headers.get("authorization") == f"Bearer {APP_TOKEN}":
            off: Post = {"ok": False, "error": "socket_mode_disabled"}
            answer = {"ok": True, "url": self.slack.socket_url} if self.slack.socket_url else off
        self._say(200, json.dumps(answer), {"Content-Type": "application/json"})

    def _say_word(self, word: str, ts: str) -> None:
        if self.path == HOOK:
            self._say(200 if word == "ok" else 400, word, {"Content-Type": "text/html"})
        elif word == "no_service":
            self._say(404, word, {})
        else:
            answer = {"ok": True, "ts": ts, "channel": CHANNEL} if word == "ok" else {"ok": False, "error": word}
            self._say(200, json.dumps(answer), {"Content-Type": "application/json"})

    def _say(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        with suppress(OSError):  # the reader may have had enough
            self.wfile.write(body.encode())

    def _drip(self) -> None:
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.slack.closing.wait(0.05):
                self.wfile.write(b"X-Drip: 1\r\n")

    def log_message(self, *args: object) -> None:
        return


def form(body: bytes) -> Post:
    post: Post = {k: v[0] for k, v in parse_qs(body.decode()).items()}
    if "blocks" in post:
        post["blocks"] = json.loads(str(post["blocks"]))
    return post


def blocks(post: Post) -> list[dict]:
    found = post["blocks"]
    assert isinstance(found, list)
    return found


def headline(post: Post) -> str:
    return str(blocks(post)[0]["text"]["text"])


def bad_blocks(post: Post) -> str:
    """Slack's limits for the blocks used here."""
    if len(blocks(post)) > 50:
        return "invalid_blocks"
    for block in blocks(post):
        if block["type"] == "actions":
            if not good_buttons(block["elements"]):
                return "invalid_blocks"
            continue
        limit = 150 if block["type"] == "header" else 3000
        for text in block.get("elements", [block.get("text")]):
            if not 0 < len(text["text"]) <= limit:
                return "invalid_blocks"
    return ""


def good_buttons(elements: list[dict]) -> bool:
    """Slack's limits for a row of buttons."""
    names = [each.get("action_id", "") for each in elements]
    return (
        0 < len(elements) <= 25
        and len(set(names)) == len(names)
        and all(0 < len(name) <= 255 for name in names)
        and all(each["type"] == "button" and plain(each["text"], 75) for each in elements)
        and all(0 < len(each["value"]) <= 2000 for each in elements)
        and all(each.get("style", "primary") in {"primary", "danger"} for each in elements)
        and all(good_confirmation(each["confirm"]) for each in elements if "confirm" in each)
    )


def good_confirmation(asked: dict) -> bool:
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return asked.keys() == limits.keys() and all(plain(asked[part], limit) for part, limit in limits.items())


def plain(text: dict, limit: int) -> bool:
    return text["type"] == "plain_text" and 0 < len(text["text"]) <= limit
