"""A fake provider: a real SMTP server on loopback, with TLS and AUTH, that can be told at any moment to misbehave.

It runs in a thread of its own, so that blocking and asynchronous callers can both use it. What a behaviour means
to a session is in `sessions`; nothing here knows of the agent.
"""

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from mailover.core.providers import Tls
from mailover.demo.authority import Authority, shared_authority
from mailover.demo.behaviour import Behaviour, Delivered, Manner, Share, Sink
from mailover.demo.sessions import Curt, Desk, Dialogue, Hooks

__all__ = ["Behaviour", "Delivered", "Provider", "Sink"]

_log = logging.getLogger("mailover.demo.provider")
_CUTTING = {Behaviour.REFUSE, Behaviour.SILENT, Behaviour.BUSY}
_PATIENCE = 10.0
_ROUNDS_FROM_ACCEPTED_TO_MADE = 3
_LINE_LIMIT = 30.0
"""Seconds without a command after which a session is closed."""


class Provider:
    """One fake provider. Also a context manager: started on the way in, stopped on the way out."""

    def __init__(
        self,
        name: str = "fake",
        *,
        sink: Sink | None = None,
        tls: Tls = Tls.STARTTLS,
        username: str = "app",
        password: str | None = None,
        port: int = 0,
        authority: Authority | None = None,
    ) -> None:
        """`port` 0 takes a free one and keeps it for good, also while refusing; `password` None makes one up."""
        self.name = name
        self.host = "127.0.0.1"
        self.tls = tls
        self.username = username
        self.password = password or secrets.token_urlsafe(12)
        self._desk = Desk(name=name, username=username, password=self.password, sink=sink, hits=Share(1.0))
        self._hooks = Hooks(self._desk)
        self._context = (authority or shared_authority()).server_context("localhost", self.host)
        self._bound: socket.socket | None = None
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port; known once started, the same ever after."""
        return self._port

    @property
    def behaviour(self) -> Behaviour:
        """What it does at present."""
        return self._desk.manner.behaviour

    @property
    def connections(self) -> int:
        """Connections accepted so far, also those turned away."""
        return self._desk.connections

    @property
    def logins(self) -> int:
        """Logins that succeeded so far."""
        return self._desk.logins

    @property
    def refused_logins(self) -> int:
        """Logins that were refused so far."""
        return self._desk.refused_logins

    @property
    def messages(self) -> int:
        """Messages accepted so far, also those it lost."""
        return self._desk.messages

    def start(self) -> None:
        """Begin to listen, healthy, or raise OSError when the port is taken. Returns when connections are accepted."""
        if self._thread is not None:
            raise RuntimeError(f"{self.name} is running")
        self._bound = self._bind()
        self._desk.manner = Manner()
        self._loop = asyncio.SelectorEventLoop()
        self._loop.set_exception_handler(_forgive)
        self._thread = threading.Thread(target=self._run, name=f"provider-{self.name}", daemon=True)
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Close everything. Stopping twice does nothing."""
        if self._thread is None or self._loop is None:
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._thread = self._loop = None

    def behave(self, behaviour: Behaviour, *, share: float = 0.5, seconds: float = 3.0) -> None:
        """Behave so from now on: `share` is for `brown_out` and `recipient`, `seconds` for `slow`.

        When it returns it is so, also for sessions that are open; `refuse`, `silent` and `busy` cut those.
        """
        self._call(self._change(Manner(behaviour=behaviour, share=share, seconds=seconds)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self) -> socket.socket:
        """A socket that holds the port; as long as nobody listens on it, connections are refused."""
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self._port))
        except OSError:
            bound.close()
            raise
        self._port = bound.getsockname()[1]
        return bound

    def _run(self) -> None:
        assert self._loop is not None  # noqa: S101 -- for the type checker; start() has set it
        self._loop.run_forever()
        self._loop.close()

    def _call(self, doing: Coroutine[Any, Any, None]) -> None:
        """Have it done in the provider's own loop, and wait for it."""
        if self._loop is None:
            doing.close()
            raise RuntimeError(f"{self.name} is not running")
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(_PATIENCE)

    async def _listen(self) -> None:
        implicit = self._context if self.tls is Tls.IMPLICIT else None
        bound = self._bound or self._bind()
        self._bound = None
        self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=bound, ssl=implicit)

    async def _change(self, manner: Manner) -> None:
        refusing = manner.behaviour is Behaviour.REFUSE
        if refusing and self._server is not None:
            await self._close_listener(self._server)
            self._bound = self._bind()
        self._desk.manner = manner
        self._desk.hits = Share(manner.share)
        if manner.behaviour in _CUTTING:
            self._cut()
        if not refusing and self._server is None:
            await self._listen()

    async def _close(self) -> None:
        if self._server is not None:
            await self._close_listener(self._server)
        elif self._bound is not None:
            self._bound.close()
            self._bound = None
        self._cut()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the loop's next round

    async def _close_listener(self, server: asyncio.Server) -> None:
        """Accept no more, let what was accepted become sessions that can be cut, then close.

        asyncio would lose the socket of a connection that is accepted in the very moment of closing.
        """
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(_ROUNDS_FROM_ACCEPTED_TO_MADE):
            await asyncio.sleep(0)
        server.close()
        self._server = None

    def _cut(self) -> None:
        for transport in list(self._open):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def _protocol(self) -> asyncio.Protocol:
        """What a new connection meets."""
        if self._desk.turns_away():
            greeting = f"421 4.3.2 {self.name} is too busy, try again later\r\n".encode()
            return Curt(self._open, greeting)
        if self._desk.manner.behaviour is Behaviour.SILENT:
            return Curt(self._open, None)
        return Dialogue(self._hooks, self._open, **self._dialogue_options())

    def _dialogue_options(self) -> dict[str, Any]:
        starttls = self.tls is Tls.STARTTLS
        return {
            "hostname": f"{self.name}.test",  # never left to aiosmtpd: it would ask getfqdn for each connection
            "ident": "ESMTP",
            "loop": self._loop,
            "timeout": _LINE_LIMIT,
            "tls_context": self._context if starttls else None,
            "require_starttls": starttls,
            "auth_require_tls": starttls,
            "authenticator": self._desk.admit,
            "enable_SMTPUTF8": True,
        }


def _forgive(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Clients that go away in the middle of a handshake are a server's daily bread."""
    _log.debug("%s", context.get("message"))
