"""Slack's presses by signed HTTP: what the request to the interactivity address is answered. No framework here."""

import logging
from collections.abc import Mapping

from mailover.alerts.slack_desk import SlackDesk
from mailover.alerts.slack_presses import from_form
from mailover.alerts.slack_signature import SlackSignatures

_log = logging.getLogger("mailover.alerts.slack")


class SlackEndpoint:
    """Verifies, and hands over to the desk."""

    def __init__(self, signatures: SlackSignatures, desk: SlackDesk) -> None:
        """The desk serves."""
        self._signatures = signatures
        self._desk = desk

    def __call__(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """A status and, where it is an error, why. `headers` have lower-case names. Never raises."""
        refused = self._signatures.refusal(headers, body)
        if refused is not None:
            _log.warning("slack: a request was refused: %s", refused)
            return 401, refused
        try:
            interaction = from_form(body)
        except ValueError:
            return 400, "It is no interaction of Slack's."
        if interaction is not None and not self._desk.take(interaction):
            return 503, "Too many presses at once."
        return 200, ""
