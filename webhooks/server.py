"""Runs the API in this process: uvicorn with the edge, a deadline for slow senders, and an end that keeps nobody."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from webhooks.answers import problem
from webhooks.app import Application
from webhooks.edge import Edge
from webhooks.front import Front

REQUEST_SECONDS = 10.0
"""A request must be here, body included, so long after its first byte (or the connection's start)."""
BODY_BYTES_PER_SECOND = 65_536
"""Each so many bytes of a body earn it a second more: a large message over a thin line is fine while it moves."""
STALL_SECONDS = 30.0
"""So long a reader may leave its answer untaken while more of it waits here."""
_HEAD_LIMIT = 65_536
_KEEP_ALIVE_SECONDS = 10
_GRACE_SECONDS = 5
_BACKLOG = 2048


class DeadlineProtocol(HttpToolsProtocol):
    """Closes connections that send nothing, or too slowly, or a head without end. Who waits for an answer may wait."""

    # in the dictionary they would make it another kind
    __slots__ = ("_armed_at", "_body_bytes", "_deadline", "_head_bytes", "_in_head", "_stall")

    request_seconds = REQUEST_SECONDS
    body_bytes_per_second = BODY_BYTES_PER_SECOND
    stall_seconds = STALL_SECONDS
    _deadline: asyncio.TimerHandle | None
    _stall: asyncio.TimerHandle | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As uvicorn calls it."""
        super().__init__(*arguments, **options)
        self._deadline = self._stall = None
        self._head_bytes, self._body_bytes, self._in_head = 0, 0, True
        self._armed_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins with the deadline of its first request."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing left to close."""
        self._disarm()
        self._flowing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and stop feeding it a head that does not end."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _HEAD_LIMIT and not self.transport.is_closing():
            self._refuse(431, "The request's head is too large.")
        elif self._in_head and self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._arm()  # blank lines before a request begin none, and would keep the connection for ever

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes, self._body_bytes, self._in_head = 0, 0, True
        super().on_message_begin()
        self._arm()

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of it came."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is complete."""
        self._disarm()
        self._head_bytes, self._in_head = 0, True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The reader does not take what it asked for."""
        super().pause_writing()
        self._flowing()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It takes it again."""
        self._flowing()
        super().resume_writing()

    def _flowing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so as a problem, like everything else."""
        self._refuse(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        answer = problem(status, detail)
        head = [*answer.headers, ("Content-Length", str(len(answer.body))), ("Connection", "close")]
        lines = "".join(f"{name}: {value}\r\n" for name, value in head)
        self.transport.write(STATUS_LINE[status] + lines.encode("latin-1") + b"\r\n" + answer.body)
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._armed_at = self.loop.time()
        self._deadline = self.loop.call_later(self.request_seconds, self._overdue)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        """Close, unless what came of the body has earned it more time."""
        ends_at = self._armed_at + self.request_seconds + self._body_bytes / self.body_bytes_per_second
        if self.loop.time() < ends_at:
            self._deadline = self.loop.call_at(ends_at, self._overdue)
        elif not self.transport.is_closing():
            self.transport.close()


class _GentleServer(uvicorn.Server):
    """Sends parked readers home before it waits for open requests; leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config, edge: Edge) -> None:
        super().__init__(config)
        self._edge = edge

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._edge.parts.room.close()
        await super().shutdown(sockets)


class ApiServer:
    """The API on a listening socket, run in this thread or in one of its own."""

    def __init__(
        self,
        app: Application,
        host: str,
        port: int,
        protocol: type[asyncio.Protocol] = DeadlineProtocol,
    ) -> None:
        """Listens at once, on a free port when `port` is 0. Raises OSError when it cannot."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._address: tuple[str, int] = self._socket.getsockname()[:2]
        self._edge = Edge(app)
        config: Any = uvicorn.Config(
            Front(self._edge, self._edge.parts),
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _GentleServer(config, self._edge)
        self._begun = False
        self._thread = threading.Thread(target=self._serve, name="mailover-api", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve in the main thread until SIGTERM, SIGINT or `stop`; returns when all is let go."""
        before = {each: signal.signal(each, self._on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._serve()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def start(self) -> Self:
        """Serve in a thread of its own; requests are accepted already."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it from another thread: parked readers are answered, open requests get a few seconds."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout=_GRACE_SECONDS + 10)
        elif not self._begun:
            self._let_go()

    def _serve(self) -> None:
        self._begun = True
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._socket.close()
        self._edge.close()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._server.should_exit = True
