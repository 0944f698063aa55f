"""OFREP 0.3.0 (OpenFeature Remote Evaluation Protocol): what a request is answered, for Flask and the edge alike.

Errors here are OFREP's own JSON, never problems. Nothing is looked up, and nobody waits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from werkzeug.exceptions import BadRequest

from mailover.config.adapters import OfrepSettings
from webhooks.adapters.ofrep_flags import ContextError, evaluate, flag_keys, read_context, same_for_all
from webhooks.answers import JSON_TYPE, PROBLEM_TYPE, Answer, compact
from webhooks.auth import ANONYMOUS, Caller
from webhooks.bodies import parse_object
from webhooks.flag import matches
from webhooks.parts import Parts
from webhooks.passes import holder, pass_for

ROOT = "/ofrep/"
STREAM = "/ofrep/v1/stream"
_BULK = "/ofrep/v1/evaluate/flags"
_FIRST_ERROR = 400
_INACTIVE_SECONDS = 120
_ALLOWED = "authorization, x-api-key, content-type, if-none-match"
_PREFLIGHT_SECONDS = "600"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, as both servers know it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""


# -- who may ask ------------------------------------------------------------------------------------------------------


def admit(here: Parts, call: Call) -> Caller | Answer:
    """As everywhere, but that a browser's question about origins has no token, and its EventSource only a pass."""
    if here.adapters().ofrep is not None:
        if call.method == "OPTIONS":
            return ANONYMOUS
        if call.path == STREAM:
            found = holder(_given_pass(call.query), here.gate.tokens, here.service.clock.now())
            if found is not None:
                return found
    return here.gate.admit(call.method, call.path, call.headers)


def stream_uri(here: Parts, caller: Caller) -> str:
    """Where this caller's EventSource hears of changes; with a pass where a token is needed."""
    given = pass_for(caller.name, here.gate.tokens, here.service.clock.now())
    return STREAM if given is None else f"{STREAM}?pass={quote(given)}"


def _given_pass(query: str) -> str:
    try:
        return parse_qs(query, max_num_fields=20).get("pass", [""])[-1]
    except ValueError:
        return ""


# -- answers ----------------------------------------------------------------------------------------------------------


def reply(here: Parts, caller: Caller, call: Call, body: bytes) -> Answer:
    """The answer to anything below the root but the stream itself."""
    method, path = call.method, call.path
    if method == "OPTIONS":
        return Answer(status=204)
    single = path.removeprefix(_BULK + "/")
    if path not in {_BULK, STREAM} and (single == path or "/" in single or not single):
        return _failed(404, "GENERAL", "OFREP has no such path.")
    if method != "POST" or path == STREAM:
        allowed = ("Allow", "GET" if path == STREAM else "POST")
        return _failed(405, "GENERAL", "This is another method's path.").with_headers(allowed)
    try:
        given = parse_object(body).get("context")
    except BadRequest as error:
        return _failed(400, "PARSE_ERROR", error.description or "", key=None if path == _BULK else single)
    if path == _BULK:
        return _bulk(here, given, stream_uri(here, caller), call.headers.get("if-none-match"))
    return _single(here, single, given)


def _single(here: Parts, key: str, given: object) -> Answer:
    snapshot = here.service.snapshot
    try:
        context = read_context(snapshot, given)
    except ContextError as error:
        return _failed(400, "INVALID_CONTEXT", str(error), key=key)
    known = here.known.of(snapshot)
    if (answer := known.get((key, context.stream, context.named))) is not None:
        return answer
    found = evaluate(snapshot, key, context, here.service.clock.now())
    if found is None:
        return _failed(404, "FLAG_NOT_FOUND", f"No flag is called {key!r}.", key=key)
    answer = _json(200, found.body(snapshot, context.stream))
    if same_for_all(snapshot, context.stream):
        known[key, context.stream, context.named] = answer
    return answer


def _bulk(here: Parts, given: object, uri: str, if_none_match: str | None) -> Answer:
    """All flags. The tag covers where changes are told, or a client whose pass has ended would ask for ever."""
    snapshot, now = here.service.snapshot, here.service.clock.now()
    try:
        context = read_context(snapshot, given)
    except ContextError as error:
        return _failed(400, "INVALID_CONTEXT", str(error))
    found = (evaluate(snapshot, key, context, now) for key in flag_keys(snapshot))
    told = {
        "flags": [each.body(snapshot, context.stream) for each in found if each is not None],
        "metadata": {"stream": context.stream},
        "eventStreams": [{"type": "sse", "endpoint": {"requestUri": uri}, "inactivityDelaySec": _INACTIVE_SECONDS}],
    }
    answer = _json(200, told)
    etag = f'"{hashlib.blake2b(answer.body, digest_size=16).hexdigest()}"'
    tagged = (("ETag", etag), ("Cache-Control", "private, no-cache"))
    if if_none_match is not None and matches(if_none_match, etag):
        return Answer(status=304, headers=tagged)
    return Answer(status=200, headers=(("Content-Type", JSON_TYPE), *tagged), body=answer.body)


def in_its_form(answer: Answer) -> Answer:
    """A problem as OFREP tells it; any other answer as it is."""
    if answer.status < _FIRST_ERROR or dict(answer.headers).get("Content-Type") != PROBLEM_TYPE:
        return answer
    kept = [(name, value) for name, value in answer.headers if name not in {"Content-Type", "Content-Length"}]
    said = _failed(answer.status, "GENERAL", str(json.loads(answer.body).get("detail", "")))
    return Answer(status=said.status, headers=(("Content-Type", JSON_TYPE), *kept), body=said.body)


def shared_with(settings: OfrepSettings, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What lets a web page of an allowed origin read the answer (the Fetch standard's CORS)."""
    if not settings.origins:
        return ()
    origin = headers.get("origin", "").lower()
    if origin not in settings.origins and not (origin and "*" in settings.origins):
        return (("Vary", "Origin"),)
    granted = [
        ("Vary", "Origin"),
        ("Access-Control-Allow-Origin", headers["origin"]),
        ("Access-Control-Expose-Headers", "ETag, Retry-After"),
    ]
    if "access-control-request-method" in headers:
        granted += [
            ("Access-Control-Allow-Methods", "GET, POST"),
            ("Access-Control-Allow-Headers", _ALLOWED),
            ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
        ]
    return tuple(granted)


def _failed(status: int, code: str, details: str, *, key: str | None = None) -> Answer:
    named = {} if key is None else {"key": key}
    return _json(status, {**named, "errorCode": code, "errorDetails": details})


def _json(status: int, told: object) -> Answer:
    headers = (("Content-Type", JSON_TYPE), ("Cache-Control", "no-store"))
    return Answer(status=status, headers=headers, body=compact(told))
