"""Telling one person in Slack something that nobody else sees: an ephemeral answer to what was pressed or typed."""

import json
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from mailover.alerts.posting import Poster
from mailover.alerts.transport import DeliveryError

_log = logging.getLogger("mailover.alerts.slack")

_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_OK = 200


def replying(poster: Poster, api_url: str) -> Callable[[str, str], None]:
    """How people are answered: at Slack's own hosts, or where its API is."""
    home = urlsplit(api_url)

    def reply(address: str, text: str) -> None:
        """Once, and never raises: who gets no answer presses again."""
        try:
            parts = urlsplit(address)
            slacks = parts.scheme == "https" and parts.netloc in _HOSTS
            if not slacks and (parts.scheme, parts.netloc) != (home.scheme, home.netloc):
                _log.warning("slack: an answer was asked for at another place than Slack, and not given")
                return
            said = {"response_type": "ephemeral", "replace_original": False, "text": text}
            answer = poster.post(address, json.dumps(said).encode(), {"Content-Type": "application/json"})
            if answer.status != _OK:
                _log.warning("slack: an answer to a person was refused with %d", answer.status)
        except ValueError:
            _log.warning("slack: the address of an answer cannot be read")
        except DeliveryError as error:
            _log.warning("slack: a person could not be answered: %s", error)

    return reply
