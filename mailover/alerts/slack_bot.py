"""Slack by a bot's token: posting, answering in a thread, rewriting a message, and what Slack's refusals mean.

One call is one request. What to say, and to which message, is decided elsewhere.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A message in Slack."""

    channel: str
    """The channel's id as Slack returned it; a name cannot be updated."""
    ts: str


class SlackBot:
    """A bot in one channel."""

    def __init__(
        self, token: Secret, channel: str, clock: Clock, *, api_url: str, poster: Poster | None = None
    ) -> None:
        """Nothing is sent yet."""
        self._token = token
        self._channel = channel
        self._clock = clock
        self._api_url = api_url
        self._poster = poster or Poster()

    def post(self, words: Mapping[str, Any], *, thread: Place | None = None, broadcast: bool = False) -> Place:
        """Post a message, or an answer in a thread that the whole channel sees with `broadcast`. Raises DeliveryError.

        Raises MessageGoneError when the thread is gone.
        """
        if thread is None:
            return self._call("chat.postMessage", {**words, "channel": self._channel}, known=False)
        answer = {**words, "channel": thread.channel, "thread_ts": thread.ts}
        return self._call("chat.postMessage", answer | ({"reply_broadcast": True} if broadcast else {}), known=True)

    def update(self, place: Place, words: Mapping[str, Any]) -> None:
        """Rewrite a message. Raises MessageGoneError when it cannot be rewritten, else DeliveryError."""
        shown = {key: value for key, value in words.items() if not key.startswith("unfurl_")}
        self._call("chat.update", {**shown, "channel": place.channel, "ts": place.ts}, known=True)

    def _call(self, method: str, arguments: Mapping[str, Any], *, known: bool) -> Place:
        client = _Client(self._poster, self._token.reveal(), self._api_url)
        try:
            said = client.api_call(method, json=dict(arguments))
        except SlackApiError as error:
            raise self._refusal(error, client.answer, known=known) from None
        except SlackClientError as error:
            raise DeliveryError(f"slack: {type(error).__name__}") from None
        except DeliveryError as error:
            raise DeliveryError(self._masked(str(error)), retry_after=error.retry_after) from None
        channel, ts = said.get("channel"), said.get("ts")
        return Place(channel=channel if isinstance(channel, str) else self._channel, ts=str(ts))

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
