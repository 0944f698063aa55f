"""How the edge reads requests and sends answers over ASGI. What is answered is never decided here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from webhooks.answers import Answer, problem
from webhooks.bodies import limit_of
from webhooks.waiting import WaitingRoom

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Bells(Protocol):
    """What rings when there is something new."""

    def hang(self, bell: Callable[[], None]) -> None:
        """Ring `bell` from now on, from a foreign thread."""

    def take_down(self, bell: Callable[[], None]) -> None:
        """Ring it no more."""


class Ear:
    """What a stream listens with: rung by news, and by its reader's going away."""

    def __init__(self, gone: "asyncio.Task[None]") -> None:
        """`gone` ends when the reader has gone."""
        self._gone = gone
        self.rung = asyncio.Event()

    @property
    def alone(self) -> bool:
        """Whether the reader went away."""
        return self._gone.done()

    async def hears(self, seconds: float) -> bool:
        """Whether it rings within so long."""
        try:
            await asyncio.wait_for(self.rung.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Ears:
    """All streams that wait for the same news: one ring wakes them together, in the loop that they all live in."""

    def __init__(self, source: Bells, room: WaitingRoom) -> None:
        """`room` is rung too, and wakes them when it closes."""
        self._source = source
        self._room = room
        self._ears: set[Ear] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def listening(self, receive: Receive) -> AsyncIterator[Ear]:
        """An ear, until the block is left."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._source.hang(self._rung)
            self._room.hang(self._room_rung)
        gone = loop.create_task(gone_away(receive))
        ear = Ear(gone)
        gone.add_done_callback(lambda _task: ear.rung.set())
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)
            gone.cancel()

    def close(self) -> None:
        """Listen no more."""
        self._source.take_down(self._rung)
        self._room.take_down(self._room_rung)

    def _room_rung(self) -> None:
        if self._room.closing:
            self._rung()

    def _rung(self) -> None:
        assert self._loop is not None  # noqa: S101 - the bells were hung up with a loop
        call_soon(self._loop, self._wake)

    def _wake(self) -> None:
        for ear in self._ears:
            ear.rung.set()


def call_soon(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
    """Run `wake` in the loop; one that has closed has nobody left to wake."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(wake)


# -- reading ----------------------------------------------------------------------------------------------------------


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers, names in lower case, repeated ones joined."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


async def gone_away(receive: Receive) -> None:
    """Return when the client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(scope: Scope, receive: Receive) -> bytes | Answer | None:
    """The whole body, the answer to one that is too large, or None when the client went away in the middle of it."""
    told = dict(scope["headers"]).get(b"content-length", b"0")
    length = int(told) if told.isdigit() else 0
    limit = limit_of(scope["method"], scope["path"])
    body = b"" if length > limit else await _whole_body(receive, limit)
    if body is not None and max(len(body), length) > limit:
        return problem(413, f"A body may have {limit} bytes.", headers=[("Connection", "close")])
    return body


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """The body, cut one piece after the limit."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > limit:
            return bytes(body)


# -- sending ----------------------------------------------------------------------------------------------------------


async def send_answer(send: Send, answer: Answer) -> None:
    """The whole of it."""
    headers = answer.headers
    if answer.status != 304:  # noqa: PLR2004 - a 304 tells no length of what it leaves out
        headers = (*headers, ("Content-Length", str(len(answer.body))))
    await send_head(send, answer.status, headers)
    await send({"type": "http.response.body", "body": answer.body})


async def send_head(send: Send, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    """Status and headers; a body follows."""
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def send_piece(send: Send, frames: bytes) -> None:
    """A piece of the body; more follows."""
    await send({"type": "http.response.body", "body": frames, "more_body": True})


async def send_end(send: Send) -> None:
    """The end of a body that came in pieces."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})
