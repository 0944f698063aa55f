"""What mailover sends, verified by the npm library that most receivers in JavaScript use."""

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailover.addresses import Reach
from mailover.alerts.hooks import HookSender
from mailover.clock import SystemClock
from mailover.core.events import Event, EventType, Severity
from mailover.secrets import Secret
from mailover.storage.roster import Hook, new_signing_secret

pytestmark = pytest.mark.peer("node")

LIBRARY = Path(__file__).parents[2] / ".peers" / "standardwebhooks" / "node_modules" / "standardwebhooks"
EVENT = Event(
    id="evt_abc_000000001",
    type=EventType.FAILOVER_HAPPENED,
    subject="stream/mail",
    at=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
    severity=Severity.WARNING,
    because="Größe überschritten ✉",
    data={"stream": "mail"},
)
VERIFY = """
const { Webhook } = require(process.argv[1]);
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0));
let said;
try { said = new Webhook(secret).verify(body, headers).id; } catch (error) { said = error.constructor.name; }
console.log(said);
"""


class Taken(http.server.BaseHTTPRequestHandler):
    requests: list[tuple[dict[str, str], str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], str]]]]:
    taken: list[tuple[dict[str, str], str]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Taken,), {"requests": taken})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", taken
        finally:
            server.shutdown()
            thread.join()


def verified(secret: Secret, headers: dict[str, str], body: str) -> str:
    told = json.dumps({"secret": secret.reveal(), "body": body, "headers": headers})
    done = subprocess.run(
        ["node", "-e", VERIFY, str(LIBRARY)], input=told, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def library() -> None:
    if not LIBRARY.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("`make peers` installs standardwebhooks")


def test_the_library_accepts_what_is_sent_also_while_a_secret_is_replaced() -> None:
    new, old = new_signing_secret(), new_signing_secret()
    with receiver() as (url, taken):
        to = Hook(name="tool", url=url, secret=new, old_secret=old, reach=Reach(private=True))
        assert HookSender("mailover/here", SystemClock()).send(to, EVENT) == 204
    ((headers, body),) = taken
    assert [verified(secret, headers, body) for secret in (new, old)] == [EVENT.id, EVENT.id]
    assert verified(new_signing_secret(), headers, body) == "WebhookVerificationError"
    assert verified(new, headers, body.replace("mail", "post")) == "WebhookVerificationError"
