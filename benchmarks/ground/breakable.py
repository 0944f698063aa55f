"""A provider that can be broken in every way that a relay meets, and that remembers which message came when.

In a thread with an event loop of its own; several can share one. A dropped SYN is a real one: the kernel drops it,
because the queue of connections that nobody accepts is full.
"""

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, Self

_NUMBER = re.compile(rb"^X-Number: (\d+)", re.MULTILINE)
_PATIENCE = 10.0


class Way(StrEnum):
    """How it is broken."""

    WELL = "well"
    REFUSED = "refused"
    SYN_DROPPED = "SYN dropped"
    BLACKHOLE = "blackhole"
    """Connections stand, and nothing is ever answered."""
    GOODBYE = "421"
    THROTTLED = "throttled"
    BLOCKED = "blocked 550 5.7.1"
    DROPPED = "dropped in DATA"


_SAYS = {
    (Way.GOODBYE, "banner"): "421 4.3.2 try again later",
    (Way.GOODBYE, "mail"): "421 4.3.2 try again later",
    (Way.THROTTLED, "mail"): "451 4.7.1 too many messages, try again later",
    (Way.THROTTLED, "rcpt"): "452 4.3.1 insufficient system storage",
    (Way.BLOCKED, "rcpt"): "550 5.7.1 Service unavailable; client host blocked",
}
_USUAL = {
    "banner": "220 breakable ESMTP",
    "ehlo": "250-breakable\r\n250-PIPELINING\r\n250 8BITMIME",
    "data": "354 go on",
}


class Loop:
    """A thread with an event loop, for any number of providers."""

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _cancel(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def call(self, doing: Coroutine[Any, Any, None]) -> None:
        """Have it done, and wait for it."""
        asyncio.run_coroutine_threadsafe(doing, self.loop).result(_PATIENCE)


class Breakable:
    """One provider; `got` has the instants at which each numbered message was taken."""

    def __init__(self, loop: Loop) -> None:
        self.way = Way.WELL
        self.got: dict[int, list[float]] = {}
        self._loop = loop
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._full: list[socket.socket] = []
        self._held = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]
        self._held.close()
        loop.call(self._listen())

    def be(self, way: Way) -> None:
        """Broken like this from now on, also on connections that are open."""
        self._loop.call(self._be(way))

    async def _be(self, way: Way) -> None:
        if self.way in {Way.REFUSED, Way.SYN_DROPPED}:
            for each in self._full:
                each.close()
            self._full = []
            await self._listen()
        self.way = way
        if way in {Way.REFUSED, Way.SYN_DROPPED} and self._server is not None:
            self._server.close()
            self._server = None
            for writer in self._writers:
                writer.transport.abort()
        if way is Way.SYN_DROPPED:
            await self._fill()

    async def _listen(self) -> None:
        for _ in range(100):
            with contextlib.suppress(OSError):
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**24)
                return
            await asyncio.sleep(0.02)
        raise OSError(f"port {self.port} is taken")

    async def _fill(self) -> None:
        """Listen with room for one, and take it: the kernel drops every further SYN."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen(0)
        self._full.append(listening)
        for _ in range(2):
            filling = socket.socket()
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(("127.0.0.1", self.port))
            self._full.append(filling)
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say("banner", writer):
            return
        while line := await reader.readuntil(b"\r\n"):
            verb = line.split()[0].decode().lower()
            if verb == "data" and self.way is Way.DROPPED:
                return
            if not await self._say(verb, writer) or verb == "quit":
                return
            if verb == "data":
                content = await reader.readuntil(b"\r\n.\r\n")
                await self._awake()
                if found := _NUMBER.search(content):
                    self.got.setdefault(int(found[1]), []).append(time.monotonic())
                writer.write(b"250 taken\r\n")

    async def _say(self, step: str, writer: asyncio.StreamWriter) -> bool:
        await self._awake()
        text = _SAYS.get((self.way, step)) or _USUAL.get(step, "250 fine")
        writer.write(text.encode() + b"\r\n")
        return not text.startswith("421")

    async def _awake(self) -> None:
        while self.way is Way.BLACKHOLE:  # noqa: ASYNC110 - a provider that is looked at, not told
            await asyncio.sleep(0.01)


async def submit(port: int, number: int, size: int = 1024) -> None:
    """Hand over one numbered message, as any application would. Raises OSError when it is not taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        body = "x" * 70 + "\r\n"
        message = f"Subject: {number}\r\nX-Number: {number}\r\n\r\n{body * (size // 72)}.\r\n"
        await _expect(reader, b"220")
        for said, code in (
            ("EHLO bench.test\r\n", b"250"),
            ("MAIL FROM:<app@bench.test>\r\n", b"250"),
            ("RCPT TO:<to@bench.test>\r\n", b"250"),
            ("DATA\r\n", b"354"),
            (message, b"250"),
            ("QUIT\r\n", b"221"),
        ):
            writer.write(said.encode())
            await _expect(reader, code)
    finally:
        writer.close()


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if not line.startswith(code):
        raise OSError(f"expected {code.decode()}, got {line.decode().strip()}")
