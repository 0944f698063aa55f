"""The agent's API as the command line calls it: one deadline, no proxies, problems as errors."""

import time
from collections.abc import Iterator
from typing import Any

import requests

from mailover.errors import MailoverError, UnavailableError, UnreachableError

_TIMEOUT = (3.0, 75.0)
"""Seconds to connect, and between two bytes; a check may run as long as its probes' deadlines."""
_PAGE = 500
_PAUSES = 20
"""How often a call waits until it may be made; who looks after many messages makes many."""
_LONGEST_PAUSE = 5.0


class ProblemError(MailoverError):
    """The agent refused; its own words."""


class Api:
    """Calls below `/v1`."""

    def __init__(self, url: str, token: str | None) -> None:
        """`token` never appears in an error."""
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        """Read."""
        return self._call("GET", path, params={k: v for k, v in query.items() if v is not None})

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """Read a whole list, piece by piece."""
        after: str | None = None
        while True:
            page = self.get(path, limit=_PAGE, after=after, **query)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def send(self, method: str, path: str, body: object | None = None) -> Any:
        """Change something; the answer is the resulting state."""
        return self._call(method, path, json=body if body is not None else {})

    def submit(self, content: bytes, *, stream: str | None, to: str, sender: str | None) -> Any:
        """Hand an RFC 5322 message over to the relay."""
        envelope = {
            key: value for key, value in (("stream", stream), ("to", to), ("from", sender)) if value is not None
        }
        return self._call(
            "POST", "/messages", params=envelope, data=content, headers={"Content-Type": "message/rfc822"}
        )

    def raw(self, path: str) -> bytes:
        """Read what is no JSON."""
        return self._answer("GET", path).content

    def _call(self, method: str, path: str, **how: Any) -> Any:
        answer = self._answer(method, path, **how)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **how: Any) -> requests.Response:
        answer = self._once(method, path, **how)
        for _ in range(_PAUSES):
            if answer.status_code != requests.codes.too_many_requests:
                break
            time.sleep(_pause(answer))
            answer = self._once(method, path, **how)
        if answer.ok:
            return answer
        trouble = UnavailableError if answer.status_code >= requests.codes.server_error else ProblemError
        raise trouble(_words(answer))

    def _once(self, method: str, path: str, **how: Any) -> requests.Response:
        try:
            return self._session.request(method, f"{self.url}/v1{path}", timeout=_TIMEOUT, allow_redirects=False, **how)
        except requests.RequestException as error:
            raise UnreachableError(
                f"no agent answers at {self.url} ({type(error).__name__}); is `mailover run` running there?"
            ) from error


def _pause(answer: requests.Response) -> float:
    """Seconds, as the agent asks for."""
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE) if asked.isdecimal() else 1.0


def _words(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return f"the agent answered {answer.status_code}"
    details = [
        f"{each.get('parameter') or each.get('pointer', '')}: {each.get('detail', '')}"
        for each in told.get("errors") or ()
    ]
    cure = "; give one by $MAILOVER_TOKEN" if answer.status_code == requests.codes.unauthorized else ""
    head = str(told.get("detail") or told.get("title") or answer.status_code).rstrip(".")
    return (f"{head}: {'; '.join(details)}" if details else head) + cure
