"""Slack's way in: the desk, and the socket or the signed requests through which it hears. Built by `assembly`."""

from collections.abc import Mapping

from mailover.alerts.slack_desk import SlackDesk
from mailover.alerts.slack_endpoint import SlackEndpoint
from mailover.alerts.slack_socket import SlackSocket


class SlackInlet:
    """Everything that hears Slack's presses, as one part of the house."""

    def __init__(self, desk: SlackDesk, socket: SlackSocket | None, endpoint: SlackEndpoint | None) -> None:
        """Nothing is heard before `start`."""
        self._desk = desk
        self._socket = socket
        self._endpoint = endpoint

    def start(self) -> None:
        """Begin to hear; returns at once."""
        self._desk.start()
        if self._socket is not None:
            self._socket.start()

    def stop(self) -> None:
        """Hear nothing more, and serve what was heard."""
        if self._socket is not None:
            self._socket.stop()
        self._desk.stop()

    def hear(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Answer one request: a status and, where it is an error, why."""
        if self._endpoint is None:
            return 404, "Slack's presses are not taken here."
        return self._endpoint(headers, body)
