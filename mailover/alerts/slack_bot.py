"""Slack by a bot's token: posting, answering in a thread, rewriting a message.

What to say, and to which message, is decided elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailover.alerts.posting import Poster
from mailover.alerts.slack_api import SlackApi
from mailover.clock import Clock
from mailover.secrets import Secret


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
        self._api = SlackApi(token, clock, api_url=api_url, poster=poster)
        self._channel = channel

    def post(self, words: Mapping[str, Any], *, thread: Place | None = None, broadcast: bool = False) -> Place:
        """Post a message, or an answer in a thread that the whole channel sees with `broadcast`. Raises DeliveryError.

        Raises MessageGoneError when the thread is gone.
        """
        if thread is None:
            return self._placed("chat.postMessage", {**words, "channel": self._channel}, known=False)
        answer = {**words, "channel": thread.channel, "thread_ts": thread.ts}
        return self._placed("chat.postMessage", answer | ({"reply_broadcast": True} if broadcast else {}), known=True)

    def update(self, place: Place, words: Mapping[str, Any]) -> None:
        """Rewrite a message. Raises MessageGoneError when it cannot be rewritten, else DeliveryError."""
        shown = {key: value for key, value in words.items() if not key.startswith("unfurl_")}
        self._placed("chat.update", {**shown, "channel": place.channel, "ts": place.ts}, known=True)

    def _placed(self, method: str, arguments: Mapping[str, Any], *, known: bool) -> Place:
        said = self._api.call(method, arguments, known=known)
        channel, ts = said.get("channel"), said.get("ts")
        return Place(channel=channel if isinstance(channel, str) else self._channel, ts=str(ts))
