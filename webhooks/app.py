"""The complete Flask application: every route of the API, its guard, and the form of its errors.

It stands alone on any WSGI server; `edge` only takes the hot routes from it. No rule about mail lives here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import cast

from flask import Response, g, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from mailover.config.adapters import AdaptersSettings
from mailover.config.feedback import FeedbackSettings
from mailover.errors import NotFoundError, RefusedError, StorageError, UnavailableError
from mailover.fetching import NotFetchedError
from mailover.service import Service
from mailover.storage.roster import Roster
from webhooks import (
    active,
    description,
    dns,
    docs_page,
    events,
    failovers,
    health,
    hooks,
    incidents,
    mailbox,
    messages,
    metrics,
    observations,
    outbox,
    providers,
    repeats,
    reports,
    route,
    slack,
    streams,
    subscriptions,
)
from webhooks.adapters import nginx, ofrep, ofrep_flask
from webhooks.adapters.ofrep_known import Known
from webhooks.adapters.ofrep_stream import Refetches
from webhooks.answers import problem
from webhooks.auth import Caller, Gate, scope_of
from webhooks.bodies import BoundedRequest
from webhooks.feed import Feed
from webhooks.feedback import view as feedback_view
from webhooks.feedback.inlet import FeedbackInlet
from webhooks.feedback.told import Fetch
from webhooks.following import Follower
from webhooks.limits import Limits
from webhooks.parts import EXTENSION, Parts, SlackRequest, parts, send
from webhooks.traffic import Traffic, named
from webhooks.waiting import SEATS, WaitingRoom

_log = logging.getLogger("mailover.webhooks")

BLUEPRINTS: tuple[APIBlueprint, ...] = (
    active.blueprint,
    route.blueprint,
    reports.blueprint,
    providers.blueprint,
    streams.blueprint,
    incidents.blueprint,
    events.blueprint,
    failovers.blueprint,
    feedback_view.blueprint,
    observations.blueprint,
    subscriptions.blueprint,
    hooks.blueprint,
    mailbox.blueprint,
    messages.blueprint,
    outbox.blueprint,
    dns.blueprint,
    slack.blueprint,
    health.blueprint,
    metrics.blueprint,
)


_STATUS_OF: Mapping[type[Exception], int] = {
    NotFoundError: 404,
    RefusedError: 409,
    StorageError: 503,
    UnavailableError: 503,
    TimeoutError: 503,
}


def _no_fetching(host: str, _path: str) -> bytes:
    raise NotFetchedError(f"{host}: nothing is fetched here")


def _no_slack(_headers: Mapping[str, str], _body: bytes) -> tuple[int, str]:
    return 404, "Slack's presses are not taken here."


class PlainOrder(DefaultJSONProvider):
    """JSON with keys in the order in which they were written."""

    sort_keys = False


class Application(OpenAPI):
    """The Flask application, with requests that are bounded."""

    request_class = BoundedRequest
    json_provider_class = PlainOrder


def create_app(
    service: Service,
    gate: Gate,
    *,
    source: str = "mailover",
    mask: Callable[[str], str] = str,
    seats: int = SEATS,
    limits: Limits | None = None,
    roster: Roster | None = None,
    slack: SlackRequest = _no_slack,
    feedback: Callable[[], Mapping[str, FeedbackSettings]] = dict,
    fetch: Fetch = _no_fetching,
    adapters: Callable[[], AdaptersSettings] = AdaptersSettings,
    channel_of: Callable[[str], str | None] = str,
) -> Application:
    """The application over a service. Its `Parts` follow the store in a thread until they are closed.

    `source` is what events name as theirs, `mask` takes secrets out of foreign text, `seats` is how many may wait,
    `limits` how often somebody may call, `roster` has the receivers of outgoing webhooks, `slack` answers Slack's
    presses, `adapters` says which of them there are at a moment, `feedback` which providers may tell of sent mail,
    `fetch` gets the certificates that some of them sign with, and `channel_of` is `StoreGauges`'.
    """
    app = Application(__name__, doc_ui=False, validation_error_callback=_invalid, static_folder=None)
    app.config.update(PROPAGATE_EXCEPTIONS=False, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False
    feed = Feed(service.store, source)
    roster = roster or Roster(service.store.hooks, service.clock)
    follower = Follower(service, gate.refresh, feed.refresh, roster.refresh)
    room = WaitingRoom(service, seats)
    registry, counters = metrics.registry_of(service, lambda: room.seated, channel_of)
    app.extensions[EXTENSION] = Parts(
        service=service,
        gate=gate,
        room=room,
        feed=feed,
        follower=follower,
        limits=limits or Limits(),
        counters=counters,
        traffic=Traffic(app, counters.requests),
        roster=roster,
        source=source,
        mask=mask,
        slack=slack,
        feedback=FeedbackInlet(service, feedback, fetch),
        adapters=adapters,
        refetches=Refetches(service),
        known=Known(),
    )
    app.extensions[metrics.EXTENSION] = registry
    _guard(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    app.register_blueprint(nginx.blueprint)
    docs_page.install(app)
    description.install(app)
    follower.start()
    return app


def _guard(app: Application) -> None:
    """What every request passes on its way in and out."""
    app.before_request(_admit)
    app.before_request(_not_too_often)
    app.before_request(_read_whole)
    repeats.install(app)
    ofrep_flask.install(app)  # what is registered first has the last word, and OFREP's form is
    app.after_request(_not_kept)
    app.after_request(_counted)
    _tell_errors(app)


def _admit() -> Response | None:
    """Before anything else, routing included: who is it."""
    if request.path.startswith(ofrep.ROOT):
        admitted = ofrep.admit(parts(), ofrep_flask.the_call())
    else:
        headers = {name.lower(): value for name, value in request.headers.items()}
        admitted = parts().gate.admit(request.method, request.path, headers)
    if isinstance(admitted, Caller):
        g.caller = admitted
        return None
    return send(admitted)


def _not_too_often() -> Response | None:
    """Then, of what changes something: how often did it ask."""
    if request.method in {"GET", "HEAD"}:
        return None
    refused = parts().limits.refuse(scope_of(request.method, request.path), g.caller.name)
    return None if refused is None else send(refused)


def _read_whole() -> Response | None:
    """Refuse what no store can keep, and have the body read, even where no view looks at it."""
    if "\0" in request.path or "%00" in request.query_string.decode("latin-1"):
        return send(problem(400, "A NUL has no place in an address."))
    cast(BoundedRequest, request).body()
    return None


def _not_kept(response: Response) -> Response:
    """Nothing is kept by caches on the way, except where a view says otherwise."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _counted(response: Response) -> Response:
    """Count the answer; who keeps trying without a token gets another one."""
    here = parts()
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        slowed = here.limits.refuse_stranger(request.remote_addr)
        response = response if slowed is None else send(slowed)
    here.traffic.count(named(request.url_rule.rule if request.url_rule else None), response.status_code)
    return response


def _invalid(error: ValidationError) -> Response:
    """Every complaint of a schema, without the values it complains of; a call without a body is wrong in its query."""
    told = error.errors(include_url=False, include_context=False, include_input=False)
    asks = request.method == "GET"
    complaints = [{**_place(each["loc"], in_query=asks), "detail": each["msg"]} for each in told]
    return send(problem(422, "The query is not valid." if asks else "The request is not valid.", errors=complaints))


def _place(path: Sequence[int | str], *, in_query: bool) -> dict[str, str]:
    return {"parameter": str(path[0])} if in_query and path else {"pointer": "".join(f"/{part}" for part in path)}


def _tell_errors(app: Application) -> None:
    def from_http(error: HTTPException) -> Response:
        if error.response is not None:
            return cast(Response, error.response)
        status = error.code or 500
        headers = [(name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}]
        return send(problem(status, error.description or "", headers=headers))

    def from_defect(error: Exception) -> Response:
        _log.error("%s %r failed", request.method, request.path, exc_info=error)
        return send(problem(500, "This is a defect of mailover; its log has the details."))

    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(Exception, from_defect)
    app.register_error_handler(ValidationError, _invalid)
    for kind, status in _STATUS_OF.items():
        app.register_error_handler(kind, _teller(status))


def _teller(status: int) -> Callable[[Exception], Response]:
    headers = [("Retry-After", "5")] if status == HTTPStatus.SERVICE_UNAVAILABLE else []

    def tell(error: Exception) -> Response:
        return send(problem(status, str(error) or "It took too long.", headers=headers))

    return tell
