"""Telling people in Slack: by a bot's token and a channel, or by an incoming webhook.

A webhook can only post, so there each event is a post of its own. A bot keeps one living message per incident, see
`living`. Called from an endpoint's own courier only, since a post may take seconds.
"""

import json
from dataclasses import dataclass
from datetime import timedelta

from mailover.alerts.messages import message
from mailover.alerts.posting import Poster
from mailover.alerts.runbook import NOWHERE, Links
from mailover.alerts.slack_api import OK, bad_status, refused, start
from mailover.alerts.slack_blocks import payload
from mailover.alerts.slack_bot import SlackBot
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.events import Event
from mailover.secrets import Secret, mask

PACE = timedelta(seconds=1)
"""Slack takes one message a second per channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccount:
    """Where to post: `token` and `channel`, or `webhook_url`."""

    token: Secret | None = None
    channel: str | None = None
    webhook_url: Secret | None = None
    api_url: str = "https://slack.com/api/"

    def bot(self, clock: Clock, poster: Poster | None = None) -> SlackBot | None:
        """The bot of this account; None when it is an incoming webhook's."""
        if self.webhook_url is not None or self.token is None or self.channel is None:
            return None
        return SlackBot(self.token, self.channel, clock, api_url=self.api_url, poster=poster)


class Slack:
    """A transport: one plain post per event."""

    def __init__(
        self, account: SlackAccount, clock: Clock, *, poster: Poster | None = None, links: Links = NOWHERE
    ) -> None:
        """Nothing is sent yet. Raises ValueError when the account names no place to post to."""
        self._url = account.webhook_url
        self._bot = account.bot(clock, poster)
        if self._url is None and self._bot is None:
            raise ValueError("slack needs a token and a channel, or the address of an incoming webhook")
        self._clock = clock
        self._poster = poster or Poster()
        self._links = links

    def __call__(self, event: Event) -> None:
        """Post one event. Raises DeliveryError."""
        words = payload(message(event, self._clock.now()), self._links)
        if self._url is None:
            assert self._bot is not None  # noqa: S101 - the constructor refuses an account that has neither
            self._bot.post(words)
            return
        secret = self._url.reveal()
        try:
            self._post_to_webhook(secret, json.dumps(words).encode())
        except DeliveryError as error:
            masked = mask(str(error), [secret])
            raise DeliveryError(masked, permanent=error.permanent, retry_after=error.retry_after) from None

    def _post_to_webhook(self, url: str, body: bytes) -> None:
        answer = self._poster.post(url, body, {"Content-Type": "application/json; charset=utf-8"})
        if answer.status != OK:
            raise bad_status(answer, self._clock, lambda text: mask(text, [url]))
        said = start(answer.body)
        if said != "ok":
            raise refused(said)
