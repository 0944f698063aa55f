"""One attempt to send one event to one receiver: body, signature, request, and what the answer means.

When an attempt is made is `hooks_pool`'s business.
"""

import json
from http import HTTPStatus

from mailover.alerts.hooks_signing import signature
from mailover.alerts.posting import Answer, Poster, retry_after
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.events import Event
from mailover.secrets import mask
from mailover.storage.roster import Hook

_GOOD = range(200, 300)
_REDIRECTS = range(300, 400)


class AnsweredError(DeliveryError):
    """The receiver answered, but not with success."""

    def __init__(self, answer: Answer, wall_seconds: float) -> None:
        """Its body is not repeated: it may echo what it was sent."""
        self.status = answer.status
        self.gone = answer.status == HTTPStatus.GONE
        super().__init__(_words(answer.status), permanent=self.gone, retry_after=retry_after(answer, wall_seconds))


class HookSender:
    """Sends events, in any thread."""

    def __init__(self, source: str, clock: Clock, poster: Poster | None = None) -> None:
        """`source` is what events name as theirs."""
        self._source = source
        self._clock = clock
        self._poster = poster or Poster()

    def send(self, hook: Hook, event: Event) -> int:
        """The HTTP status of its success. Raises DeliveryError, whose text holds no secret and no path."""
        wall = self._clock.wall().timestamp()
        body = json.dumps(event.body(self._source), separators=(",", ":"), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mailover",
            "Idempotency-Key": event.id,
            "webhook-id": event.id,
            "webhook-timestamp": str(int(wall)),
            "webhook-signature": signature(event.id, int(wall), body, hook.signing(self._clock.now())),
        }
        if hook.header is not None:
            name, _, value = hook.header.reveal().partition(":")
            headers[name.strip()] = value.strip()
        encrypted = hook.url.lower().startswith("https:")
        try:
            answer = self._poster.post(
                hook.url,
                body,
                headers,
                seconds=hook.timeout.total_seconds(),
                refusal=lambda address: hook.reach.refusal(address, encrypted=encrypted),
            )
        except DeliveryError as error:
            hidden = [hook.secret.reveal(), *([hook.header.reveal()] if hook.header is not None else [])]
            raise DeliveryError(mask(str(error), hidden), retry_after=error.retry_after) from None
        if answer.status not in _GOOD:
            raise AnsweredError(answer, wall)
        return answer.status


def _words(status: int) -> str:
    try:
        said = f"it answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = f"it answered {status}"
    return f"{said}, and redirects are not followed" if status in _REDIRECTS else said
