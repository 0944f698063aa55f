"""Reading a request's body: bounded, whole, and JSON that means one thing only.

Whatever is wrong with it becomes a 4xx here, before any schema sees it.
"""

import json
import math
from typing import Any, Never

from flask import Request
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType

from webhooks.answers import JSON_TYPE

BODY_LIMIT = 65_536
"""Bytes."""
MESSAGE_LIMIT = 36 * 1024 * 1024
"""Bytes of a message that is handed over: 25 MiB, as most providers take, in base64."""
FEEDBACK_LIMIT = 1024 * 1024
"""Bytes of what a provider tells at once; SendGrid gathers up to 768 KB."""
_LONGEST_NUMBER = 30


class BoundedRequest(Request):
    """A request whose body is read once, up to the limit, and never cut."""

    _read: bytes | None = None

    def body(self) -> bytes:
        """All of the body. Raises 413 for more than the limit, 411 when its end cannot be known."""
        if self._read is None:
            self._read = self._read_body()
        return self._read

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - werkzeug's own signature
        """The body as a JSON object; never silent about what is wrong with it."""
        sent = self.body()
        if self.mimetype != JSON_TYPE:
            raise UnsupportedMediaType("The body must be sent as application/json.")
        return parse_object(sent)

    def _read_body(self) -> bytes:
        length, limit = self.content_length, limit_of(self.method, self.path)
        if length is not None:
            if length > limit:
                raise RequestEntityTooLarge(f"A body may have {limit} bytes.")
            return self.stream.read()
        if "wsgi.input_terminated" in self.environ:
            return self._read_to_the_end(limit)
        if self.headers.get("Transfer-Encoding"):
            raise LengthRequired("Send Content-Length.")
        return b""

    def _read_to_the_end(self, limit: int) -> bytes:
        """A chunked body, which the server ends for us."""
        pieces = bytearray()
        while piece := self.environ["wsgi.input"].read(limit + 1 - len(pieces)):
            pieces += piece
            if len(pieces) > limit:
                raise RequestEntityTooLarge(f"A body may have {limit} bytes.")
        return bytes(pieces)


def limit_of(method: str, path: str) -> int:
    """How many bytes the body of a request may have."""
    if method == "POST" and path == "/v1/messages":
        return MESSAGE_LIMIT
    return FEEDBACK_LIMIT if path.startswith("/v1/feedback/") else BODY_LIMIT


def parse_object(sent: bytes) -> dict[str, Any]:
    """The JSON object in `sent`. Raises BadRequest, also for NaN, huge numbers, a key twice, unstorable text."""
    try:
        value = _DECODER.decode(sent.decode())
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        detail = str(error) if type(error) is _RefusedJsonError else "it could not be parsed"
        raise BadRequest(f"The body is not usable JSON: {detail}.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    _check_text(value)
    return value


class _RefusedJsonError(ValueError):
    """JSON that parsers read in different ways; the text says what."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedJsonError("a key is given twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _RefusedJsonError("a number is too long")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _RefusedJsonError("a number is too large")
    return value


def _no_constant(_word: str) -> Never:
    raise _RefusedJsonError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole, parse_float=_finite, parse_constant=_no_constant
)


def _check_text(value: object) -> None:
    """No lone surrogate and no NUL anywhere: neither can be written to a database."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, str) and ("\0" in item or _surrogate(item)):
            raise BadRequest("The body has text that is no text.")


def _surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)
