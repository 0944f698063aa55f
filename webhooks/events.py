"""`GET /v1/events`: the event log as pages, or as server-sent events for who accepts `text/event-stream`."""

import random
import threading
import time
from collections.abc import Iterator

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint

from mailover.core.events import EventType
from webhooks.answers import problem
from webhooks.asked import EventQuery
from webhooks.event_schemas import Events
from webhooks.feed import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    LIFETIME_SECONDS,
    STREAM_HEADERS,
    Choice,
    Place,
    wants_stream,
)
from webhooks.parts import Parts, parts, send
from webhooks.samples import sample

_SAMPLES = 3

blueprint = APIBlueprint("events", __name__, url_prefix="/v1")


@blueprint.get("/events", responses={200: Events})
def list_events(query: EventQuery) -> Response | dict[str, object]:
    """The event log, in the order in which things happened; as a stream, what is new."""
    here = parts()
    if wants_stream(request.method, request.headers.get("Accept", "")):
        choice = Choice(types=frozenset(query.type), provider=query.provider, stream=query.stream)
        return _stream(here, here.feed.join(request.headers.get("Last-Event-ID") or query.after), choice)
    if query.sample:
        return _sample(here, query)
    page = here.store.events(
        after=query.after,
        limit=query.limit,
        types=query.type,
        provider=query.provider,
        stream=query.stream,
        newest_first=query.newest,
    )
    return {"items": [event.body(here.source) for event in page.items], "next": page.next}


def _sample(here: Parts, query: EventQuery) -> dict[str, object]:
    """What a workflow tool shows to who sets it up: real events if there were any, never an empty list."""
    found = here.store.events(
        limit=_SAMPLES, types=query.type, provider=query.provider, stream=query.stream, newest_first=True
    ).items
    known, now = here.service.snapshot, here.service.clock.now()
    made = [] if found else [sample(kind, known, now) for kind in query.type or [EventType.FAILOVER_HAPPENED]]
    return {"items": [event.body(here.source) for event in (*found, *made)], "next": None}


def _stream(here: Parts, place: Place, choice: Choice) -> Response:
    if not here.room.enter():
        return send(problem(503, "No seat is free.", headers=[("Retry-After", "5")]))
    response = Response(_frames(here, place, choice), headers=list(STREAM_HEADERS))
    response.call_on_close(here.room.leave)
    return response


def _frames(here: Parts, place: Place, choice: Choice) -> Iterator[bytes]:
    """Frames until the stream's life is over; a heartbeat where nothing happens."""
    rung = threading.Event()
    ends_at = time.monotonic() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
    here.feed.hang(rung.set)
    here.room.hang(rung.set)
    try:
        yield HEARTBEAT
        while not here.room.closing and time.monotonic() < ends_at:
            rung.clear()
            before = place
            frames, place = here.feed.live(place, choice) or here.feed.replay(place, choice)
            if frames:
                yield frames
            if place.id == before.id and not rung.wait(HEARTBEAT_SECONDS):
                yield HEARTBEAT
    finally:
        here.feed.take_down(rung.set)
        here.room.take_down(rung.set)
