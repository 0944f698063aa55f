"""`Idempotency-Key`: a state-changing call made twice is carried out once, and answered twice in the same way."""

import hashlib
import logging
import re
import threading
from typing import cast

from flask import Flask, Response, g, request

from mailover.errors import StorageError
from mailover.storage.store import Remembered
from webhooks.answers import JSON_TYPE, Answer, problem
from webhooks.bodies import BoundedRequest
from webhooks.parts import caller, parts, send

_log = logging.getLogger("mailover.webhooks")

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def install(app: Flask) -> None:
    """Have the application look for the header on every call that changes something."""
    running: set[tuple[str, str]] = set()
    lock = threading.Lock()

    def before() -> Response | None:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method in {"GET", "HEAD"}:
            return None
        if _KEY.fullmatch(key) is None:
            return send(problem(400, "Idempotency-Key must be 1 to 200 visible ASCII characters."))
        mine = (key, caller().name)
        with lock:
            if mine in running:
                return send(problem(409, "A call with this Idempotency-Key is under way."))
            running.add(mine)
        g.repeat = mine
        return _known_answer(mine)

    def after(response: Response) -> Response:
        if "repeat" in g and not g.get("replayed") and response.is_json and 200 <= response.status_code < 300:  # noqa: PLR2004
            _keep(g.repeat, response)
        return response

    def leave(_error: BaseException | None) -> None:
        if "repeat" in g:
            with lock:
                running.discard(g.repeat)

    app.before_request(before)
    app.after_request(after)
    app.teardown_request(leave)


def _known_answer(mine: tuple[str, str]) -> Response | None:
    here = parts()
    try:
        known = here.store.recall(*mine, here.service.clock.now())
    except StorageError as error:
        _log.warning("an idempotency key could not be looked up: %s", error)
        return None
    if known is None:
        return None
    g.replayed = True
    if known.digest != _digest():
        return send(problem(422, "This Idempotency-Key was used for another request."))
    return send(Answer(status=known.status, headers=(("Content-Type", JSON_TYPE),), body=known.body))


def _keep(mine: tuple[str, str], response: Response) -> None:
    here = parts()
    answer = Remembered(digest=_digest(), status=response.status_code, body=response.get_data())
    try:
        here.store.remember(*mine, answer, here.service.clock.now())
    except StorageError as error:
        _log.warning("an answer could not be kept for its idempotency key: %s", error)


def _digest() -> str:
    asked = f"{request.method} {request.full_path}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(asked + cast(BoundedRequest, request).body()).hexdigest()
