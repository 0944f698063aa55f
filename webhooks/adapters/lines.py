"""A small server for the protocols of mail systems: many short questions over TCP, answered from memory.

Each has a thread and an event loop of its own, so that neither a crowd of the API's readers nor a defect in another
one delays an answer. What is asked and answered is the dialogue's business.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailover.config.fields import Address

_log = logging.getLogger("mailover.adapters")

QUESTION_SECONDS = 30.0
"""A question must be complete so long after the last answer (or the connection's start); Postfix lets go after 10 s."""
MOST_CONNECTIONS = 1000
_BACKLOG = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is answered to the bytes that came."""

    answer: bytes = b""
    over: bool = False
    """Close the connection then."""
    complete: bool = False
    """At least one question was answered: the next one has its time anew."""


class Dialogue(Protocol):
    """One connection's side of a protocol: bytes in, answers out. It keeps no more than one question's bytes."""

    def hear(self, data: bytes) -> Said:
        """Take what came. Must not raise and must not wait."""


class LineServer:
    """Listens from its start to its stop."""

    def __init__(
        self,
        name: str,
        address: Address,
        dialogue: Callable[[], Dialogue],
        *,
        seconds: float = QUESTION_SECONDS,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        """Nothing listens yet. `dialogue` begins one for each connection."""
        self._name = name
        self._wanted = address
        self._dialogue = dialogue
        self._seconds = seconds
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[asyncio.Transport] = set()
        self._thread: threading.Thread | None = None
        self.port = 0
        """Where it listens, known once it does."""

    def start(self) -> None:
        """Listen; returns when it does. Raises OSError when the address cannot be used."""
        family = socket.AF_INET6 if ":" in self._wanted.host else socket.AF_INET
        listening = socket.create_server((self._wanted.host, self._wanted.port), family=family, backlog=_BACKLOG)
        self.port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, listening), name=f"mailover-{self._name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close everything; harmless when it never began."""
        thread, loop = self._thread, self._loop
        if thread is not None and loop is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=10)
        self._thread = None

    def _run(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        asyncio.set_event_loop(loop)
        try:
            server = loop.run_until_complete(loop.create_server(self._connection, sock=listening))
            loop.run_forever()
            loop.remove_reader(listening)  # asyncio would leave open whom it has just taken when the server closes
            loop.run_until_complete(self._let_go())
            server.close()
        except Exception:  # noqa: BLE001 - a defect here must end nothing else
            _log.exception("%s has ended", self._name)
        finally:
            listening.close()
            loop.close()

    async def _let_go(self) -> None:
        """Close every connection, also those that were just being taken."""
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
        for transport in tuple(self._open):
            transport.abort()
        for _ in range(3):  # what closes does so in the loop's next rounds
            await asyncio.sleep(0)

    def _connection(self) -> "_Connection":
        return _Connection(self._name, self._dialogue(), self._open, self._seconds, full=len(self._open) >= self._most)


class _Connection(asyncio.Protocol):
    """One client: its deadline and its dialogue."""

    def __init__(
        self, name: str, dialogue: Dialogue, among: set[asyncio.Transport], seconds: float, *, full: bool
    ) -> None:
        self._name = name
        self._dialogue = dialogue
        self._among = among
        self._seconds = seconds
        self._full = full
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + seconds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP there is no other
        self._transport = transport
        if self._full:
            _log.warning("%s: a connection more than it takes was closed", self._name)
            transport.abort()
            return
        self._among.add(transport)
        self._timer = self._loop.call_at(self._ends_at, self._look)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._among.discard(self._transport)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            said = self._dialogue.hear(data)
        except Exception:  # noqa: BLE001 - one client's odd question must not hurt the others
            _log.exception("%s: a question could not be answered", self._name)
            self._transport.abort()
            return
        if said.answer:
            self._transport.write(said.answer)
        if said.complete:
            self._ends_at = self._loop.time() + self._seconds
        if said.over:
            self._transport.close()

    def pause_writing(self) -> None:
        """It asks without reading the answers: it is not worth the memory."""
        self._transport.abort()

    def _look(self) -> None:
        """One timer for all questions, set again when it finds that there is time left: questions come by thousands."""
        if self._loop.time() >= self._ends_at:
            self._transport.close()
        else:
            self._timer = self._loop.call_at(self._ends_at, self._look)
