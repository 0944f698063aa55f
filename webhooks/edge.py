"""The ASGI front: the flag and the event stream without a thread per reader; all else goes to the Flask application.

The same answers as the Flask application gives alone. Bodies are read whole here: a slow sender holds no thread.
"""

import asyncio
import random
import re
from typing import Any, cast
from urllib.parse import parse_qs

from a2wsgi import WSGIMiddleware
from pydantic import ValidationError

from webhooks.adapters.ofrep_edge import OfrepEdge
from webhooks.answers import Answer, problem
from webhooks.app import Application
from webhooks.asgi import (
    Ear,
    Ears,
    Message,
    Receive,
    Scope,
    Send,
    call_soon,
    gone_away,
    headers_of,
    read_body,
    send_answer,
    send_end,
    send_head,
    send_piece,
)
from webhooks.asked import EventQuery
from webhooks.auth import Caller
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
from webhooks.health import ALIVE, ALIVE_PATH
from webhooks.parts import EXTENSION, Parts

_FLAG = "/v1/active-provider"
_EVENTS = "/v1/events"
_WORKERS = 16
_SLOW = {
    re.compile(r"/v1/(providers/[^/]+|dns)/check"): 32,
    re.compile(r"/v1/messages"): 16,
    re.compile(r"/v1/feedback/[^/]+"): 8,
}
"""What may take long has threads of its own, so many: probes a minute; mail, while the store hangs; feedback that comes
with a signature whose certificate has to be fetched. Reports and operators wait for none of them.
"""


class Edge:
    """The ASGI application."""

    def __init__(self, app: Application) -> None:
        """`app` answers everything that is not hot."""
        self.parts: Parts = app.extensions[EXTENSION]
        self._flask: Any = WSGIMiddleware(cast(Any, app), workers=_WORKERS)
        self._slow = {path: WSGIMiddleware(cast(Any, app), workers=many) for path, many in _SLOW.items()}
        self._parked: dict[asyncio.Timeout, Wait] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event_ears = Ears(self.parts.feed, self.parts.room)
        self._ofrep = OfrepEdge(self.parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        ofrep = self._ofrep.settings_for(scope["path"])
        if ofrep is not None:
            await self._ofrep.serve(ofrep, headers, scope, receive, send)
            return
        admitted = self.parts.gate.admit(scope["method"], scope["path"], headers)
        if not isinstance(admitted, Caller):
            await send_answer(send, admitted)
            return
        if scope["path"] == ALIVE_PATH and scope["method"] in {"GET", "HEAD"}:
            await send_answer(send, ALIVE)
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
        self._event_ears.close()
        self._ofrep.close()
        for each in (self._flask, *self._slow.values()):
            each.executor.shutdown(wait=False, cancel_futures=True)

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
        await send_answer(send, answer)

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
                await gone_away(receive)
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
            await send_answer(send, problem(503, "No seat is free.", headers=[("Retry-After", "5")]))
            return
        try:
            async with self._event_ears.listening(receive) as ear:
                await send_head(send, 200, STREAM_HEADERS)
                choice = Choice(types=frozenset(query.type), provider=query.provider, stream=query.stream)
                place = feed.join(headers.get("last-event-id") or query.after)
                await self._stream(place, choice, ear, send)
        finally:
            room.leave()

    async def _stream(self, place: Place, choice: Choice, ear: Ear, send: Send) -> None:
        room, feed = self.parts.room, self.parts.feed
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
        await send_piece(send, HEARTBEAT)
        while not (room.closing or ear.alone) and loop.time() < ends_at:
            ear.rung.clear()
            before = place
            found = feed.live(place, choice)
            frames, place = found if found is not None else await asyncio.to_thread(feed.replay, place, choice)
            if frames:
                await send_piece(send, frames)
            if place.id == before.id and not await ear.hears(HEARTBEAT_SECONDS):
                await send_piece(send, HEARTBEAT)
        await send_end(send)

    # -- the rest -------------------------------------------------------------------------------------------------

    async def _all_else(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["query_string"].isascii():
            await send_answer(send, problem(400, "A query must be ASCII."))
            return
        body = await read_body(scope, receive)
        if isinstance(body, Answer):
            await send_answer(send, body)
        if not isinstance(body, bytes):
            return
        kept = [(n, v) for n, v in scope["headers"] if n not in {b"content-length", b"transfer-encoding"}]
        whole = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
        scope[FLASK] = True
        flask: Any = next((each for path, each in self._slow.items() if path.fullmatch(scope["path"])), self._flask)
        await flask(whole, _replay(body), send)


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


def _replay(body: bytes) -> Receive:
    """A receive channel that has the whole body at once."""
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    return receive
