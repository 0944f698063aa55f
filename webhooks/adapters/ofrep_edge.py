"""OFREP at the edge, where a flag is read without a thread. The rules are `ofrep`'s."""

import asyncio
import random

from mailover.config.adapters import OfrepSettings
from webhooks.adapters.ofrep import ROOT, STREAM, Call, admit, in_its_form, reply, shared_with
from webhooks.answers import Answer, problem
from webhooks.asgi import Ears, Receive, Scope, Send, read_body, send_answer, send_end, send_head, send_piece
from webhooks.feed import HEARTBEAT, HEARTBEAT_SECONDS, LIFETIME_SECONDS, STREAM_HEADERS
from webhooks.parts import Parts

_Headers = tuple[tuple[str, str], ...]


class OfrepEdge:
    """Everything below OFREP's root."""

    def __init__(self, parts: Parts) -> None:
        """Nobody listens yet."""
        self._parts = parts
        self._ears = Ears(parts.refetches, parts.room)

    def settings_for(self, path: str) -> OfrepSettings | None:
        """By what a request for this path is answered here; None when it is another's."""
        return self._parts.adapters().ofrep if path.startswith(ROOT) else None

    async def serve(
        self, settings: OfrepSettings, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """One request."""
        query = scope["query_string"].decode("latin-1")
        call = Call(method=scope["method"], path=scope["path"], query=query, headers=headers)
        shared = shared_with(settings, headers)
        caller = admit(self._parts, call)
        if isinstance(caller, Answer):
            await _tell(send, caller, shared)
        elif call.method == "GET" and call.path == STREAM:
            await self._stream(shared, receive, send)
        elif (body := await read_body(scope, receive)) is not None:
            await _tell(send, body if isinstance(body, Answer) else reply(self._parts, caller, call, body), shared)

    def close(self) -> None:
        """Listen no more."""
        self._ears.close()

    async def _stream(self, shared: _Headers, receive: Receive, send: Send) -> None:
        room, refetches = self._parts.room, self._parts.refetches
        if not room.enter():
            await _tell(send, problem(503, "No seat is free.", headers=[("Retry-After", "5")]), shared)
            return
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
        known: object = None
        try:
            async with self._ears.listening(receive) as ear:
                await send_head(send, 200, (*STREAM_HEADERS, *shared))
                while not (room.closing or ear.alone) and loop.time() < ends_at:
                    ear.rung.clear()
                    frame, known = refetches.news(known)
                    if frame:
                        await send_piece(send, frame)
                    if not await ear.hears(HEARTBEAT_SECONDS):
                        await send_piece(send, HEARTBEAT)
                await send_end(send)
        finally:
            room.leave()


async def _tell(send: Send, answer: Answer, shared: _Headers) -> None:
    told = in_its_form(answer)
    await send_answer(send, told.with_headers(*shared) if shared else told)
