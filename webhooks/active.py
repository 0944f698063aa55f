"""The flag: `GET /v1/active-provider`. The rules are `flag`'s; here a thread waits where the reader asks for it."""

import random

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint

from webhooks.asked import StreamPath
from webhooks.flag import Wait, negotiate
from webhooks.flag_schemas import FlagBody
from webhooks.parts import parts, send

blueprint = APIBlueprint("active", __name__, url_prefix="/v1")


@blueprint.get("/active-provider", responses={200: FlagBody, 304: None})
def active_provider() -> Response:
    """What the fleet says about the default stream."""
    return _flag(None)


@blueprint.get("/active-provider/<stream>", responses={200: FlagBody, 304: None})
def active_provider_of(path: StreamPath) -> Response:
    """What the fleet says about one stream."""
    return _flag(path.stream)


def _flag(stream: str | None) -> Response:
    here = parts()
    answer = negotiate(
        here.service.snapshot,
        here.service.stale_seconds(),
        stream=stream,
        query=request.query_string.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        dice=random.random(),  # noqa: S311 - spreads readers over time, guards nothing
    )
    return send(here.room.sit(answer) if isinstance(answer, Wait) else answer)
