"""Telling people in Slack: by a bot's token and a channel, or by an incoming webhook. One post per event.

Called from an endpoint's own courier only, since a post may take seconds. The words are `messages`', their looks
`slack_blocks`'.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from mailover.alerts.messages import message
from mailover.alerts.posting import Answer, Poster, retry_after
from mailover.alerts.slack_blocks import payload
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.events import Event
from mailover.secrets import Secret, mask

_client_log = logging.getLogger("mailover.alerts.slack.client")
_client_log.setLevel(logging.CRITICAL)  # it would log each failure, with the answer in full, and raise it besides

PACE = timedelta(seconds=1)
"""Slack takes one message a second per channel."""

_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
    | {"team_added_to_org", "accesslimited", "message_limit_exceeded"}
)
"""Slack's words for trouble that passes; any other refusal is final."""
_WORD = re.compile(r"[a-z][a-z0-9_]{2,59}")
_OK = 200
_TOO_MANY = 429
_REFUSED = range(400, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccount:
    """Where to post: `token` and `channel`, or `webhook_url`."""

    token: Secret | None = None
    channel: str | None = None
    webhook_url: Secret | None = None
    api_url: str = "https://slack.com/api/"


class Slack:
    """A transport."""

    def __init__(self, account: SlackAccount, clock: Clock, *, poster: Poster | None = None) -> None:
        """Nothing is sent yet. Raises ValueError when the account names no place to post to."""
        if account.webhook_url is None and (account.token is None or account.channel is None):
            raise ValueError("slack needs a token and a channel, or the address of an incoming webhook")
        self._account = account
        self._clock = clock
        self._poster = poster or Poster()
        self._secrets = [s.reveal() for s in (account.token, account.webhook_url) if s is not None]

    def __call__(self, event: Event) -> None:
        """Post one event. Raises DeliveryError."""
        words = payload(message(event, self._clock.now()))
        try:
            if self._account.webhook_url is not None:
                self._post_to_webhook(self._account.webhook_url, words)
            else:
                self._post_as_bot(words)
        except DeliveryError as error:
            masked = mask(str(error), self._secrets)
            raise DeliveryError(masked, permanent=error.permanent, retry_after=error.retry_after) from None

    def _post_as_bot(self, words: Mapping[str, Any]) -> None:
        token = self._account.token.reveal() if self._account.token is not None else ""
        client = _Client(self._poster, token, self._account.api_url)
        try:
            client.chat_postMessage(channel=self._account.channel or "", **words)
        except SlackApiError as error:
            raise self._refusal(error, client.answer) from None
        except SlackClientError as error:
            raise DeliveryError(f"slack: {type(error).__name__}") from None

    def _refusal(self, error: SlackApiError, answer: Answer | None) -> DeliveryError:
        status = answer.status if answer is not None else 0
        said = error.response.get("error") if isinstance(error.response.data, dict) else None
        if status != _OK or not isinstance(said, str):
            return self._bad_status(answer)
        return _refused(said)

    def _post_to_webhook(self, url: Secret, words: Mapping[str, Any]) -> None:
        body = json.dumps(words).encode()
        answer = self._poster.post(url.reveal(), body, {"Content-Type": "application/json; charset=utf-8"})
        if answer.status != _OK:
            raise self._bad_status(answer)
        said = _start(answer.body)
        if said != "ok":
            raise _refused(said)

    def _bad_status(self, answer: Answer | None) -> DeliveryError:
        if answer is None:
            return DeliveryError("slack gave no answer")
        said = "too many messages" if answer.status == _TOO_MANY else _start(answer.body)
        return DeliveryError(
            f"slack answered {answer.status}: {said}",
            permanent=answer.status in _REFUSED and answer.status != 408,  # noqa: PLR2004 - 408 is a timeout
            retry_after=retry_after(answer, self._clock.wall().timestamp()),
        )


def _refused(said: str) -> DeliveryError:
    """Slack refuses in one word; anything longer is not Slack speaking, but some proxy on the way."""
    word = _WORD.fullmatch(said) is not None
    return DeliveryError(f"slack refused the message: {said[:100]}", permanent=word and said not in _PASSING)


def _start(body: bytes) -> str:
    return " ".join(body[:100].decode("utf-8", "replace").split())


class _Client(WebClient):
    """Slack's own client, over a line that ends: theirs obeys proxy variables, follows redirects and may hang."""

    def __init__(self, poster: Poster, token: str, api_url: str) -> None:
        super().__init__(token=token, base_url=api_url, retry_handlers=[], logger=_client_log)
        self._poster = poster
        self.answer: Answer | None = None

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        body = req.data if isinstance(req.data, bytes) else b""
        self.answer = self._poster.post(url, body, dict(req.header_items()))
        return {
            "status": self.answer.status,
            "headers": dict(self.answer.headers),
            "body": self.answer.body.decode("utf-8", "replace"),
        }
