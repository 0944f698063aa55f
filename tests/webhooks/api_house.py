"""A whole house for the API's tests: a real store, a real service that decides, and both servers on loopback."""

import functools
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from promises import Promises
from werkzeug.serving import WSGIRequestHandler, make_server

from mailover.clock import SystemClock
from mailover.config.limits import LimitsSettings
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream, Tls
from mailover.service import Service
from mailover.storage.roster import Roster
from mailover.storage.sql import SqlStore, open_store
from webhooks.app import Application, create_app
from webhooks.auth import Gate, Token, token
from webhooks.limits import Limits
from webhooks.parts import EXTENSION, Parts
from webhooks.server import ApiServer

UNLIMITED = Limits(LimitsSettings(reports_per_minute=0, changes_per_minute=0, failed_logins_per_minute=0))
SECRETS = {scope: f"mlo_{scope}-{'x' * 40}" for scope in ("read", "report", "operate", "send", "metrics")}
TOKENS = tuple(token(f"{scope}-token", secret, [scope]) for scope, secret in SECRETS.items())

POLICY = Policy(
    providers={
        name: Provider(name=name, host=f"smtp.{name}.example", port=587, tls=Tls.STARTTLS, sender=f"no@{name}.example")
        for name in ("postmark", "sendgrid", "ses")
    },
    streams={
        "transactional": Stream(name="transactional", providers=("postmark", "sendgrid", "ses")),
        "marketing": Stream(name="marketing", providers=("ses", "sendgrid")),
    },
)


class MovedClock:
    """The system's clock, moved by what a test adds."""

    def __init__(self) -> None:
        self._inner = SystemClock()
        self._moved = timedelta(0)

    def now(self) -> datetime:
        return self._inner.now() + self._moved

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def move(self, span: timedelta) -> None:
        self._moved += span


@dataclass(frozen=True, kw_only=True)
class House:
    """One agent, decided by hand or by its own thread."""

    clock: MovedClock
    store: SqlStore
    service: Service
    app: Application

    @property
    def parts(self) -> Parts:
        found = self.app.extensions[EXTENSION]
        assert isinstance(found, Parts)
        return found

    def succeed(self, *providers: str) -> None:
        """Every named provider answers a port probe and a login."""
        for name in providers:
            self.service.ask(self.probe(name), self.probe(name, ProbeKind.LOGIN))

    def fail(self, provider: str, times: int = 3) -> None:
        """A provider's port refuses service, often enough to open its breaker."""
        for _ in range(times):
            failure = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="no service", replied=True)
            self.service.ask(self.probe(provider, failure=failure))

    def probe(self, provider: str, kind: ProbeKind = ProbeKind.PORT, failure: Failure | None = None) -> Observation:
        now = self.clock.now()
        return Observation(
            provider=provider,
            purpose=Purpose.SCHEDULED,
            depth=failure.depth if failure else Depth(kind.depth),
            failure=failure,
            started_at=now,
            finished_at=now,
            probe=kind,
        )


@functools.cache
def empty_database() -> bytes:
    """A migrated database without rows: migrating one per test would take most of their time."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "empty.db"
        open_store(f"sqlite:///{database}").close()
        return database.read_bytes()


@contextmanager
def open_house(
    tmp_path: Path,
    *,
    tokens: Sequence[Token] = TOKENS,
    loopback: bool = True,
    seats: int = 100,
    limits: Limits = UNLIMITED,
    **more: Any,
) -> Iterator[House]:
    clock = MovedClock()
    database = tmp_path / "mailover.db"
    if not database.exists():
        database.write_bytes(empty_database())
    store = open_store(f"sqlite:///{database}")
    roster = Roster(store.hooks, clock)
    service = Service(
        store=store,
        policy=POLICY,
        default_stream="transactional",
        clock=clock,
        identity="test",
        endpoints=roster.routes,
    )
    service.start()
    app = create_app(
        service, Gate(tokens, store.tokens, loopback=loopback), seats=seats, roster=roster, limits=limits, **more
    )
    house = House(clock=clock, store=store, service=service, app=app)
    try:
        yield house
    finally:
        house.parts.close()
        service.stop()
        store.close()


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def flask_alone(app: Application) -> Iterator[str]:
    """The Flask application on a plain threaded WSGI server."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        app.extensions[EXTENSION].room.close()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@contextmanager
def behind_edge(app: Application) -> Iterator[str]:
    """The edge on uvicorn, in a thread."""
    server = ApiServer(app, "127.0.0.1", 0).start()
    try:
        yield server.url
    finally:
        server.stop()


SERVERS: Mapping[str, Callable[[Application], Any]] = {"flask": flask_alone, "edge": behind_edge}


class Api:
    """Calls a server with a token of one scope at a time."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self._session = session
        self._promises = Promises({"paths": {}})
        key = None if self.get("/openapi.json", scope=None).ok else "read"
        self._promises = Promises(self.get("/openapi.json", scope=key).json())

    def call(
        self, method: str, path: str, *, scope: str | None = "read", headers: Mapping[str, str] = {}, **more: Any
    ) -> requests.Response:
        bearer = {"Authorization": f"Bearer {SECRETS[scope]}"} if scope else {}
        answer = self._session.request(method, self.url + path, headers={**bearer, **headers}, timeout=30, **more)
        self._promises.hold(answer)
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def operate(self, method: str, path: str, json: object = None, **more: Any) -> requests.Response:
        return self.call(method, path, scope="operate", json=json, **more)
