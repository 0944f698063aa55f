"""OFREP at the edge, where a flag is read without a thread. The rules are `ofrep`'s."""

import asyncio
import random

from mailover.config.adapters import OfrepSettings
from webhooks.adapters.ofrep import STREAM, Call, admit, in_its_form, reply, shared_with
from webhooks.answers import Answer, problem
from webhooks.asgi import Receive, Scope, Send, listening, read_body, send_answer, send_end, send_head, send_piece
from webhooks.feed import HEARTBEAT, HEARTBEAT_SECONDS, LIFETIME_SECONDS, STREAM_HEADERS
from webhooks.parts import Parts


async def serve(here: Parts, settings: OfrepSettings, call: Call, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: PLR0917 - ASGI's own three at the end
    """One request below the root."""
    shared = shared_with(settings, call.headers)
    caller = admit(here, call)
    if isinstance(caller, Answer):
        await send_answer(send, in_its_form(caller).with_headers(*shared))
    elif call.method == "GET" and call.path == STREAM:
        await _stream(here, shared, receive, send)
    elif (body := await read_body(scope, receive)) is not None:
        answer = body if isinstance(body, Answer) else reply(here, caller, call, body)
        await send_answer(send, in_its_form(answer).with_headers(*shared))


async def _stream(here: Parts, shared: tuple[tuple[str, str], ...], receive: Receive, send: Send) -> None:
    room, refetches = here.room, here.refetches
    if not room.enter():
        full = problem(503, "No seat is free.", headers=[("Retry-After", "5")])
        await send_answer(send, in_its_form(full).with_headers(*shared))
        return
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
    known: object = None
    try:
        async with listening(receive, refetches, room) as ear:
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
