"""Slack's presses by Socket Mode: a websocket that mailover opens, so that nothing has to reach it from outside.

Own, over `websockets`: slack-sdk's client takes messages of any size, encrypts on port 443 only and asks again without
patience (docs/decisions/own-socket-mode.md). What is heard is the desk's business.
"""

import asyncio
import json
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Timer
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from mailover.alerts.courier import RETRIES, wait_after
from mailover.alerts.posting import dial
from mailover.alerts.slack_api import SlackApi
from mailover.alerts.slack_desk import SlackDesk
from mailover.alerts.slack_presses import parse, read
from mailover.alerts.transport import DeliveryError
from mailover.resolve import Resolver

_log = logging.getLogger("mailover.alerts.slack")
_wire_log = logging.getLogger("mailover.alerts.slack.wire")
_wire_log.setLevel(logging.CRITICAL)  # it would tell the address, whose ticket is a secret

_SECONDS = 10.0
"""For everything from the name to the greeting."""
_LARGEST = 1_048_576
"""Bytes; Slack's largest message has a quarter."""
_PING_SECONDS = 20.0
_LASTING = 10.0
"""Seconds; what ends sooner counts as a failure, lest a Slack that greets and hangs up is called without end."""
_GREETING = "hello"


class SlackSocket:
    """One connection at a time, opened anew whenever it ends."""

    def __init__(
        self,
        api: SlackApi,
        desk: SlackDesk,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        dice: Callable[[], float] = random.random,
        seconds: float = _SECONDS,
        slowness: float = 1.0,
    ) -> None:
        """`api` holds the app's token; waits between attempts are those of the couriers times `slowness`.

        `seconds` is the deadline for everything from the name to the greeting.
        """
        self._api = api
        self._desk = desk
        self._resolver = resolver or Resolver()
        self._tls = tls
        self._dice = dice
        self._seconds = seconds
        self._slowness = slowness
        self._stopping = threading.Event()
        self._line: ClientConnection | None = None
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="mailover-slack-socket", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up. What was not yet acknowledged is told by Slack to another connection."""
        self._stopping.set()
        if (line := self._line) is not None:
            line.close()
        if self._thread.ident is not None:
            self._thread.join(timeout=self._seconds + 5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = self._listen()
            if wait:
                self._stopping.wait(wait.total_seconds() * self._slowness)

    def _listen(self) -> timedelta:
        """One connection from beginning to end; how long to wait before the next. Never raises."""
        began, ended = time.monotonic(), DeliveryError("Slack ended the connection")
        try:
            self._follow(str(self._api.call("apps.connections.open", {}).get("url") or ""))
        except DeliveryError as error:
            ended = error
        except (OSError, ValueError, WebSocketException) as error:
            ended = DeliveryError(f"the connection failed: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - a defect must not end the buttons for good; its text may hold secrets
            ended = DeliveryError(f"{type(error).__name__} (a defect in mailover)")
        if time.monotonic() - began > _LASTING and not ended.permanent:
            self._failures = 0
            return timedelta(0)
        return self._failed(ended)

    def _failed(self, error: DeliveryError) -> timedelta:
        """Back off as couriers do, to a minute at most; what Slack refuses for good is asked every five."""
        final = error.permanent
        tries = len(RETRIES) if final else min(self._failures, len(RETRIES) - 1)
        wait = wait_after(tries, error.retry_after, self._dice())
        if not self._stopping.is_set():
            level = logging.DEBUG if self._failures else logging.ERROR if final else logging.WARNING
            _log.log(level, "slack: buttons are not heard, again in %.0f s: %s", wait.total_seconds(), error)
        self._failures += 1
        return wait

    def _follow(self, url: str) -> None:
        """Listen until Slack asks for another connection. Raises when this one breaks."""
        with self._dialled(url) as line:
            self._line = line
            try:
                if parse(_text(line.recv(timeout=self._seconds))).get("type") != _GREETING:
                    raise ValueError("no greeting")
                _log.log(logging.INFO if self._failures else logging.DEBUG, "slack: buttons are heard")
                while not self._stopping.is_set() and self._hear(line, line.recv()):
                    pass
            finally:
                self._line = None

    def _hear(self, line: ClientConnection, message: str | bytes) -> bool:
        """Take one message; False when Slack wants this connection to end. It is acknowledged once the desk has it."""
        try:
            told = parse(_text(message))
        except ValueError:
            _log.warning("slack: a message that cannot be read is passed over")
            return True
        if told.get("type") == "disconnect":
            if told.get("reason") == "link_disabled":
                raise DeliveryError("Socket Mode is switched off for this app", permanent=True)
            return False
        envelope, payload = told.get("envelope_id"), told.get("payload")
        if isinstance(envelope, str):
            interaction = read(payload) if isinstance(payload, dict) else None
            if interaction is None or self._desk.take(interaction):
                line.send(json.dumps({"envelope_id": envelope}))
        return True

    def _dialled(self, url: str) -> ClientConnection:
        """A connection to the address Slack gave, whatever the other side does within ten seconds."""
        ends_at = time.monotonic() + self._seconds
        parts = urlsplit(url)
        host, encrypted = parts.hostname or "", parts.scheme == "wss"
        if not encrypted and not (parts.scheme == "ws" and self._api.plain):
            raise ValueError("not a websocket")
        found = asyncio.run(self._resolver.resolve(host, within=self._seconds))
        if not found.addresses:
            raise OSError(found.because or "it has no address")
        dialled = dial(found.addresses, parts.port or (443 if encrypted else 80), ends_at)
        cutter = Timer(max(0.0, ends_at - time.monotonic()), lambda: _cut(dialled))
        cutter.start()
        try:
            return connect(
                url,
                sock=dialled,
                ssl=(self._tls or ssl.create_default_context()) if encrypted else None,
                compression=None,
                proxy=None,
                max_size=_LARGEST,
                open_timeout=self._seconds,
                close_timeout=1,
                ping_interval=_PING_SECONDS,
                ping_timeout=_PING_SECONDS,
                logger=_wire_log,
            )
        finally:
            cutter.cancel()


def _cut(dialled: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(dialled, socket.SHUT_RDWR)  # below TLS, which is in use elsewhere


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode()
