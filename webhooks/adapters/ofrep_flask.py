"""OFREP's paths in the Flask application. The rules are `ofrep`'s; here a thread holds a stream open."""

import random
import threading
import time
from collections.abc import Iterator
from typing import cast

from flask import Blueprint, Flask, Response, abort, request

from webhooks.adapters.ofrep import ROOT, STREAM, Call, in_its_form, reply, shared_with
from webhooks.answers import PROBLEM_TYPE, Answer, problem
from webhooks.bodies import BoundedRequest
from webhooks.feed import HEARTBEAT, HEARTBEAT_SECONDS, LIFETIME_SECONDS, STREAM_HEADERS
from webhooks.parts import Parts, caller, parts, send

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
blueprint = Blueprint("ofrep", __name__)


def install(app: Flask) -> None:
    """Serve OFREP where it is configured."""
    app.register_blueprint(blueprint)
    app.after_request(_in_its_form)


@blueprint.route(f"{ROOT}<path:rest>", methods=_METHODS)
def answer(rest: str) -> Response:  # noqa: ARG001 - the whole path is what counts
    """Anything below the root."""
    here = parts()
    if here.adapters().ofrep is None:
        abort(404)
    if request.path == STREAM and request.method == "GET":
        return _stream(here)
    return send(reply(here, caller(), the_call(), cast(BoundedRequest, request).body()))


def the_call() -> Call:
    """The request that is answered now."""
    return Call(
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
    )


def _in_its_form(response: Response) -> Response:
    settings = parts().adapters().ofrep
    if settings is None or not request.path.startswith(ROOT):
        return response
    if response.mimetype == PROBLEM_TYPE:
        told = Answer(status=response.status_code, headers=tuple(response.headers.items()), body=response.get_data())
        response = send(in_its_form(told))
    response.headers.extend(shared_with(settings, the_call().headers))
    return response


def _stream(here: Parts) -> Response:
    if not here.room.enter():
        return send(problem(503, "No seat is free.", headers=[("Retry-After", "5")]))
    response = Response(_frames(here), headers=list(STREAM_HEADERS))
    response.call_on_close(here.room.leave)
    return response


def _frames(here: Parts) -> Iterator[bytes]:
    rung = threading.Event()
    ends_at = time.monotonic() + LIFETIME_SECONDS * (1 + random.random())  # noqa: S311 - spreads reconnections
    here.refetches.hang(rung.set)
    here.room.hang(rung.set)
    known: object = None
    try:
        while not here.room.closing and time.monotonic() < ends_at:
            rung.clear()
            frame, known = here.refetches.news(known)
            if frame:
                yield frame
            if not rung.wait(HEARTBEAT_SECONDS):
                yield HEARTBEAT
    finally:
        here.refetches.take_down(rung.set)
        here.room.take_down(rung.set)
