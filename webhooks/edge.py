"""The ASGI front: the flag and the event stream without a thread per reader; all else goes to the Flask application.

The same answers as the Flask application gives alone. Bodies are read whole here: a slow sender holds no thread.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

from a2wsgi import WSGIMiddleware
from pydantic import ValidationError

from webhooks.answers import Answer, problem
from webhooks.app import Application
from webhooks.asked import EventQuery
from webhooks.auth import Caller
from webhooks.bodies import BODY_LIMIT
from webhooks.feed import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    LIFETIME_SECONDS,
    STREAM_HEADERS,
    Choice,
    Place,
    wants_stream,
)
from webhooks.flag import Wait, negotiate
from webhooks.front import FLASK
from webhooks.parts import EXTENSION, Parts

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FLAG = "/v1/active-provider"
_EVENTS = "/v1/events"
_WORKERS = 16


class Edge:
    """The ASGI application."""

    def __init__(self, app: Application) -> None:
        """`app` answers everything that is not hot."""
        self.parts: Parts = app.extensions[EXTENSION]
        self._flask: Any = WSGIMiddleware(cast(Any, app), workers=_WORKERS)
        self._parked: dict[asyncio.Timeout, Wait] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        admitted = self.parts.gate.admit(scope["method"], scope["path"], headers)
        if not isinstance(admitted, Caller):
            await _send(send, admitted)
            return
        stream = _stream_named(scope)
        if stream is not None:
            await self._flag(scope, headers, stream, receive, send)
            return
        query = _stream_query(scope, headers)
        if query is not None:
            await self._events(headers, query, receive, send)
            return
        await self._all_else(scope, receive, send)

    def close(self) -> None:
        """Let go of the threads that run the Flask application, and of the parts."""
        self.parts.close()
        self.parts.room.take_down(self._rung)
        self._flask.executor.shutdown(wait=False, cancel_futures=True)

    # -- the flag -------------------------------------------------------------------------------------------------

    async def _flag(self, scope: Scope, headers: dict[str, str], stream: str, receive: Receive, send: Send) -> None:
        service = self.parts.service
        answer = negotiate(
            service.snapshot,
            service.stale_seconds(),
            stream=stream or None,
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            dice=random.random(),  # noqa: S311 - spreads readers over time, guards nothing
        )
        if isinstance(answer, Wait):
            found = await self._park(answer, receive)
            if found is None:
                return
            answer = found
        await _send(send, answer)

    async def _park(self, wait: Wait, receive: Receive) -> Answer | None:
        """Wait for a change; None when the reader went away.

        What is waited for is that the reader goes; a change ends that early, as the end of the time does. So a reader
        costs one task, not two and what joins them.
        """
        room = self.parts.room
        if not room.enter():
            return room.full(wait)
        self._listening()
        ends = asyncio.timeout(wait.seconds)
        try:
            if room.closing or wait.over(room.snapshot):
                return room.tell(wait)
            async with ends:
                self._parked[ends] = wait
                await _gone(receive)
        except TimeoutError:
            return room.tell(wait)
        finally:
            self._parked.pop(ends, None)
            room.leave()
        return None

    def _listening(self) -> asyncio.AbstractEventLoop:
        """The running loop, with the room's bell hung up in it."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self.parts.room.hang(self._rung)
        return loop

    def _rung(self) -> None:
        assert self._loop is not None  # noqa: S101 - the bell was hung up with a loop
        call_soon(self._loop, self._wake)

    def _wake(self) -> None:
        room = self.parts.room
        snapshot = room.snapshot
        for ends, wait in self._parked.items():
            if not ends.expired() and (room.closing or wait.over(snapshot)):
                ends.reschedule(0)

    # -- the event stream -----------------------------------------------------------------------------------------

    async def _events(self, headers: dict[str, str], query: EventQuery, receive: Receive, send: Send) -> None:
        room, feed = self.parts.room, self.parts.feed
        if not room.enter():
            await _send(send, problem(503, "No seat is free.", headers=[("Retry-After", "5")]))
            return
        loop, rung = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            call_soon(loop, rung.set)

        feed.hang(ring)
        room.hang(ring)
        gone = loop.create_task(_gone(receive))
        gone.add_done_callback(lambda _task: rung.set())
        try:
            await _start(send, 200, STREAM_HEADERS)
            choice = Choice(types=frozenset(query.type), provider=query.provider, stream=query.stream)
            place = feed.join(headers.get("last-event-id") or query.after)
            await self._stream(place, choice, rung, gone, send)
        finally:
            feed.take_down(ring)
            room.take_down(ring)
            gone.cancel()
            room.leave()

    async def _stream(
        self, place: Place, choice: Choice, rung: asyncio.Event, gone: "asyncio.Task[None]", send: Send
    ) -> None:
        room, feed = self.parts.room, self.parts.feed
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
        await _write(send, HEARTBEAT)
        while not (room.closing or gone.done()) and loop.time() < ends_at:
            rung.clear()
            before = place
            found = feed.live(place, choice)
            frames, place = found if found is not None else await asyncio.to_thread(feed.replay, place, choice)
            if frames:
                await _write(send, frames)
            if place.id == before.id:
                try:
                    await asyncio.wait_for(rung.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    await _write(send, HEARTBEAT)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    # -- the rest -------------------------------------------------------------------------------------------------

    async def _all_else(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["query_string"].isascii():
            await _send(send, problem(400, "A query must be ASCII."))
            return
        body = b"" if _told_length(scope) > BODY_LIMIT else await _whole_body(receive)
        if body is None:
            return
        if max(len(body), _told_length(scope)) > BODY_LIMIT:
            too_large = problem(413, f"A body may have {BODY_LIMIT} bytes.", headers=[("Connection", "close")])
            await _send(send, too_large)
            return
        kept = [(n, v) for n, v in scope["headers"] if n not in {b"content-length", b"transfer-encoding"}]
        whole = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
        scope[FLASK] = True
        await self._flask(whole, _replay(body), send)


def call_soon(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
    """Run `wake` in the loop; one that has closed has nobody left to wake."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(wake)


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _stream_named(scope: Scope) -> str | None:
    """The stream whose flag is asked for, empty for the default one; None when it is another request."""
    path: str = scope["path"]
    if scope["method"] not in {"GET", "HEAD"} or not path.startswith(_FLAG):
        return None
    rest = path.removeprefix(_FLAG)
    if not rest:
        return ""
    return rest[1:] if rest[0] == "/" and len(rest) > 1 and "/" not in rest[1:] else None


def _stream_query(scope: Scope, headers: dict[str, str]) -> EventQuery | None:
    """What to stream; None when pages are asked for, or the query is wrong, which Flask then says."""
    if scope["path"] != _EVENTS or not wants_stream(scope["method"], headers.get("accept", "")):
        return None
    try:
        fields = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=20)
        asked = {key: values if key == "type" else values[0] for key, values in fields.items()}
        return EventQuery.model_validate(asked)
    except (ValidationError, ValueError):
        return None


def _told_length(scope: Scope) -> int:
    told = dict(scope["headers"]).get(b"content-length", b"0")
    return int(told) if told.isdigit() else 0


async def _gone(receive: Receive) -> None:
    """Return when the client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, cut one piece after the limit; None when the client went away in the middle of it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > BODY_LIMIT:
            return bytes(body)


def _replay(body: bytes) -> Receive:
    """A receive channel that has the whole body at once."""
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    return receive


async def _send(send: Send, answer: Answer) -> None:
    headers = answer.headers
    if answer.status != 304:  # noqa: PLR2004 - a 304 tells no length of what it leaves out
        headers = (*headers, ("Content-Length", str(len(answer.body))))
    await _start(send, answer.status, headers)
    await send({"type": "http.response.body", "body": answer.body})


async def _start(send: Send, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _write(send: Send, frames: bytes) -> None:
    await send({"type": "http.response.body", "body": frames, "more_body": True})
