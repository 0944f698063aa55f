"""`/healthz` and `/readyz`, for whatever keeps the process running. They tell strangers nothing about providers."""

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from webhooks.answers import JSON_TYPE, Answer, compact
from webhooks.parts import parts, send
from webhooks.schemas import Health, Readiness

ALIVE_PATH = "/healthz"
ALIVE = Answer(
    status=200,
    headers=(("Content-Type", JSON_TYPE), ("Cache-Control", "no-store")),
    body=compact({"status": "ok"}),
)
"""Nothing has to be asked for it, so the edge says it too, however busy or stuck everything behind it is."""

blueprint = APIBlueprint("health", __name__)


@blueprint.get(ALIVE_PATH, responses={200: Health})
def healthz() -> Response:
    """The process answers."""
    return send(ALIVE)


@blueprint.get("/readyz", responses={200: Readiness, 503: Readiness})
def readyz() -> tuple[dict[str, object], HTTPStatus]:
    """The agent decides, and can write down what it decides."""
    here = parts()
    stale = here.service.stale_seconds()
    # On a full disk a trial that is taken back succeeds: the last real write has the say.
    writable = here.service.snapshot.fleet.store_failing_since is None and here.store.writable()
    ready = stale is None and writable
    body: dict[str, object] = {
        "ready": ready,
        "deciding": stale is None,
        "store_writable": writable,
        "stale_seconds": stale,
    }
    return body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
