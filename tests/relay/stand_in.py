"""A provider for the relay's tests, in the test's own event loop: real SMTP, and told at any step to do something else.

It remembers who was sent what. Each step of the dialogue (`connect`, `banner`, `ehlo`, `mail`, `rcpt`, `data`, `body`,
`dot`) can be given a reply, or one of the ways of not replying below.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

SILENT = "silent"
"""Nothing more is said on this connection."""
CLOSE = "close"
"""It hangs up."""

Says = str | Callable[[str], str]
_USUAL = {"banner": "220 stand-in ESMTP", "data": "354 go on", "dot": "250 taken"}
_OFFERS = ("PIPELINING", "8BITMIME", "SIZE 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A message that was taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    at: float


class StandIn:
    """An async context manager; `port` is kept while it refuses connections."""

    def __init__(self, name: str = "stand-in", *, offers: tuple[str, ...] = _OFFERS) -> None:
        self.name = name
        self.offers = offers
        self.port = 0
        self.got: list[Got] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.pause = 0.0
        """Seconds before each dot is answered."""
        self._says: dict[str, Says] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def says(self, step: str, what: Says) -> None:
        """From now on, also on connections that are open; a function is given the line."""
        self._says[step] = what

    def heals(self) -> None:
        """All is well again."""
        self._says = {}

    @property
    def messages(self) -> list[bytes]:
        """What was taken, without the trace."""
        return [got.content for got in self.got]

    async def refuse(self) -> None:
        """Nobody listens any more, and open connections are cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def listen(self) -> None:
        """Again, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**24)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        while self.open:  # noqa: ASYNC110 - it ends soon
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say("banner", "", writer, reader):
            return
        sender, recipients = "", list[str]()
        while line := (await reader.readuntil(b"\r\n")).decode().strip():
            verb = line.partition(" ")[0].lower()
            said = await self._say(verb, line, writer, reader)
            if not said or verb == "quit":
                return
            if verb == "mail":
                sender, recipients = _address(line), []
            elif verb == "rcpt" and said.startswith("2"):
                recipients.append(_address(line))
            elif verb == "data" and said.startswith("354"):
                content = await self._taken(line, reader, writer)
                if content is None:
                    return
                if content:
                    got = Got(sender=sender, recipients=tuple(recipients), content=content, at=time.monotonic())
                    self.got.append(got)

    async def _taken(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """A message that was taken, empty for one that was refused; None when the dialogue ends here."""
        if self._says.get("body") == CLOSE:
            await reader.readuntil(b"\r\n")
            return None
        content = await self._body(reader)
        if self.pause:
            await asyncio.sleep(self.pause)
        told = await self._say("dot", line, writer, reader)
        if not told:
            return None
        return content if told.startswith("2") else b""

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        content = await reader.readuntil(b"\r\n.\r\n")
        return content[:-3].replace(b"\r\n..", b"\r\n.")

    async def _say(self, step: str, line: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> str:
        """What was said; nothing when the dialogue ends here."""
        says = self._says.get(step)
        if step == "ehlo" and says is None:
            lines = ["stand-in", *self.offers]
            says = "\r\n".join(f"250{'-' if each != lines[-1] else ' '}{each}" for each in lines)
        text = says(line) if callable(says) else says or _USUAL.get(step, "250 fine")
        if text == SILENT:
            while await reader.read(2**16):
                pass
            return ""
        if text == CLOSE:
            return ""
        writer.write(text.encode() + b"\r\n")
        return "" if text.startswith("421") else text


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
