"""Calls of Slack's API over a line that ends, and what Slack's refusals mean.

One call is one request. What to call, and with which words, is decided elsewhere.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from mailover.alerts.posting import Answer, Poster, retry_after
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.secrets import Secret, mask

_client_log = logging.getLogger("mailover.alerts.slack.client")
_client_log.setLevel(logging.CRITICAL)  # it would log each failure, with the answer in full, and raise it besides

OK = 200
_TOO_MANY = 429
_REFUSED = range(400, 429)
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
    | {"team_added_to_org", "accesslimited", "message_limit_exceeded"}
)
"""Slack's words for trouble that passes; any other refusal is final."""
_GONE = frozenset(
    {"message_not_found", "thread_not_found", "channel_not_found", "cant_update_message", "edit_window_closed"}
)
_WORD = re.compile(r"[a-z][a-z0-9_]{2,59}")


class MessageGoneError(DeliveryError):
    """The message to be rewritten or answered is there no more, or not ours to change: post it anew."""


class SlackApi:
    """Slack's API as the holder of one token sees it."""

    def __init__(self, token: Secret, clock: Clock, *, api_url: str, poster: Poster | None = None) -> None:
        """Nothing is called yet."""
        self._token = token
        self._clock = clock
        self._api_url = api_url
        self._poster = poster or Poster()

    @property
    def plain(self) -> bool:
        """Whether the API itself is reached without TLS, as in tests."""
        return self._api_url.startswith("http://")

    def call(self, method: str, arguments: Mapping[str, Any], *, known: bool = False) -> Mapping[str, Any]:
        """Slack's answer. Raises DeliveryError, and MessageGoneError where a `known` message is gone."""
        client = _Client(self._poster, self._token.reveal(), self._api_url)
        try:
            said = client.api_call(method, json=dict(arguments))
        except SlackApiError as error:
            raise self._refusal(error, client.answer, known=known) from None
        except SlackClientError as error:
            raise DeliveryError(f"slack: {type(error).__name__}") from None
        except DeliveryError as error:
            raise DeliveryError(self._masked(str(error)), retry_after=error.retry_after) from None
        return said.data if isinstance(said.data, dict) else {}

    def _refusal(self, error: SlackApiError, answer: Answer | None, *, known: bool) -> DeliveryError:
        status = answer.status if answer is not None else 0
        said = error.response.get("error") if isinstance(error.response.data, dict) else None
        if status != OK or not isinstance(said, str):
            return bad_status(answer, self._clock, self._masked)
        if known and said in _GONE:
            return MessageGoneError(f"slack no longer has the message: {said}")
        return refused(self._masked(said))

    def _masked(self, text: str) -> str:
        return mask(text, [self._token.reveal()])


def refused(said: str) -> DeliveryError:
    """Slack refuses in one word; anything longer is not Slack speaking, but some proxy on the way."""
    word = _WORD.fullmatch(said) is not None
    return DeliveryError(f"slack refused the message: {said[:100]}", permanent=word and said not in _PASSING)


def bad_status(answer: Answer | None, clock: Clock, masked: Callable[[str], str]) -> DeliveryError:
    """What an answer means that is not Slack's 200."""
    if answer is None:
        return DeliveryError("slack gave no answer")
    said = "too many messages" if answer.status == _TOO_MANY else masked(start(answer.body))
    return DeliveryError(
        f"slack answered {answer.status}: {said}",
        permanent=answer.status in _REFUSED and answer.status != 408,  # noqa: PLR2004 - 408 is a timeout
        retry_after=retry_after(answer, clock.wall().timestamp()),
    )


def start(body: bytes) -> str:
    """The first words of an answer."""
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
