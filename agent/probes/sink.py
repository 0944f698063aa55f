"""The mailbox that is our own SMTP server: it takes mail for one address only and keeps nothing of it.

It faces the internet as the MX of that address, so everything is limited. It never relays and has no accounts.
"""

import asyncio
import logging
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from agent.probes.arrivals import Arrivals, Fate, Found, Missing
from agent.probes.headers import read_headers
from agent.probes.marks import check_address, nonce_of

_log = logging.getLogger("mailover.probes.sink")

FOLDER = "smtp"
"""What an arrival here has instead of a folder."""

_MOST_CONNECTIONS = 100
_MOST_COMMANDS = 50
"""Per kind of command and session."""
_MOST_BYTES = 256 * 1024
_SESSION_LIMIT = 120.0
_LINE_LIMIT = 30.0
"""Seconds without a command."""


class SinkMailbox:
    """Listens while it is open."""

    def __init__(
        self,
        *,
        to: str,
        host: str,
        port: int,
        arrivals: Arrivals,
        name: str = "mailover",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Mail is taken for `to` alone; the server calls itself `name` and offers STARTTLS with `tls`."""
        check_address(to)
        self._to = to.casefold()
        self._host = host
        self._port = port
        self._name = name
        self._tls = tls
        self._arrivals = arrivals
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.WriteTransport] = set()
        self._all_closed = asyncio.Event()

    @property
    def port(self) -> int:
        """The port it listens on; with 0 asked for, known once open."""
        return self._port

    async def open(self) -> None:
        """Begin to listen; raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self._host, self._port, reuse_address=True)
        self._port = self._server.sockets[0].getsockname()[1]

    async def find(self, nonce: str, *, within: float) -> Found:
        """Wait for the message to be delivered here."""
        return await self._arrivals.wait(nonce, within=within) or Missing(looked=self._server is not None)

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in tuple(self._sessions):
            transport.abort()
        if self._sessions:
            await self._all_closed.wait()

    def begun(self, transport: asyncio.WriteTransport) -> None:
        """A session began."""
        self._sessions.add(transport)
        self._all_closed.clear()

    def ended(self, transport: asyncio.WriteTransport) -> None:
        """A session is over."""
        self._sessions.discard(transport)
        if not self._sessions:
            self._all_closed.set()

    def take(self, envelope: Envelope, session: Session) -> None:
        """A message was delivered: report it if it is a test; nothing of it is kept."""
        content = envelope.content
        headers = read_headers(content if isinstance(content, bytes) else (content or "").encode())
        nonce = nonce_of(headers)
        if nonce is None:
            return
        facts: dict[str, object] = {"return_path": (envelope.mail_from or "")[:320]}
        peer: Any = session.peer
        if isinstance(peer, tuple) and peer:
            facts["source_address"] = str(peer[0])
        if self._arrivals.arrived(nonce, folder=FOLDER, headers=headers, facts=facts) is Fate.UNKNOWN:
            _log.info("a test message that nobody waits for was delivered")

    def takes_mail_for(self, address: str) -> bool:
        """Whether this is the one address."""
        return address.casefold() == self._to

    def _protocol(self) -> asyncio.Protocol:
        if len(self._sessions) >= _MOST_CONNECTIONS:
            return _TurnedAway()
        return _Session(self, self._name, self._tls)


class _TurnedAway(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.7.0 Too many connections\r\n")
        transport.close()


class _Session(SMTP):
    """aiosmtpd's session with an end: its own time limit starts anew with every command."""

    def __init__(self, sink: SinkMailbox, name: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            _Hooks(sink),
            hostname=name,  # or else it asks the resolver, on the event loop
            ident="ESMTP",
            tls_context=tls,
            data_size_limit=_MOST_BYTES,
            timeout=_LINE_LIMIT,
            command_call_limit=_MOST_COMMANDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )
        self._sink = sink
        self._raw: asyncio.WriteTransport | None = None
        self._ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._raw is None and isinstance(transport, asyncio.WriteTransport):
            self._raw = transport
            self._sink.begun(transport)
            self._ends = asyncio.get_running_loop().call_later(_SESSION_LIMIT, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        if self._ends is not None:
            self._ends.cancel()
        if self._raw is not None:
            self._sink.ended(self._raw)
        super().connection_lost(error)


class _Hooks:
    """aiosmtpd's view of the sink."""

    def __init__(self, sink: SinkMailbox) -> None:
        self._sink = sink

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd finds its hooks by these names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if not self._sink.takes_mail_for(address):
            return "550 5.7.1 Relaying denied"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._sink.take(envelope, session)
        return "250 2.0.0 Found"

    async def handle_exception(self, error: Exception) -> str:
        """Our own trouble is temporary, and told without its text."""
        _log.error("the mail sink failed: %s", type(error).__name__)
        return "451 4.3.0 Local trouble"
