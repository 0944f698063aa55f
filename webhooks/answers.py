"""An HTTP answer as a plain value, and the problems (RFC 9457) that every error of the API is told as.

Both servers, Flask and the ASGI edge, send these; neither framework is known here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers and body, ready to send; `Content-Length` is the sender's business."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """The same answer with more headers."""
        return Answer(status=self.status, headers=(*self.headers, *headers), body=self.body)


def compact(value: object) -> bytes:
    """JSON without spare blanks, as UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Sequence[tuple[str, str]] = (),
) -> Answer:
    """What went wrong, for machines and people. `errors` point at parts of the request and never repeat a value."""
    told: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        told["errors"] = [dict(error) for error in errors]
    return Answer(
        status=status,
        headers=(("Content-Type", PROBLEM_TYPE), ("Cache-Control", "no-store"), *headers),
        body=compact(told),
    )
