"""The dead man's ping: a service elsewhere raises the alarm when it stops.

Sent because decisions are made, never by a timer of its own: a loop that hangs must fall silent.
"""

import logging
import queue
import threading
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from mailover.alerts.posting import Poster
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.decide import Decision
from mailover.secrets import Secret
from mailover.service import Snapshot

_log = logging.getLogger("mailover.alerts")

EVERY = timedelta(minutes=1)
_FINE = range(200, 300)
_STOP = None


class DeadMan:
    """Pings from a thread of its own, at most one at a time, so that no decision waits for it."""

    def __init__(self, url: Secret, clock: Clock, *, every: timedelta = EVERY, poster: Poster | None = None) -> None:
        """Nothing is sent yet."""
        self._url = url
        self._clock = clock
        self._every = every
        self._poster = poster or Poster(seconds=5.0)
        self._told_at: datetime | None = None
        self._told: tuple[str, ...] | None = None
        self._next: queue.Queue[tuple[str, ...] | None] = queue.Queue(maxsize=1)
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="mailover-dead-man", daemon=True)

    def start(self) -> None:
        """Be ready to ping."""
        self._thread.start()

    def stop(self, within: timedelta = timedelta(seconds=6)) -> None:
        """Finish the ping that is under way."""
        if self._thread.ident is None:
            return
        try:
            self._next.put(_STOP, timeout=within.total_seconds())
        except queue.Full:
            return
        self._thread.join(within.total_seconds())

    def hear_decision(self, snapshot: Snapshot, _decision: Decision) -> None:
        """A decision has been made: ping when a minute has gone by, or when that changed whether all is well."""
        now = self._clock.now()
        dry = tuple(name for name, state in snapshot.fleet.streams.items() if state.exhausted_since is not None)
        if dry == self._told and self._told_at is not None and now - self._told_at < self._every:
            return
        try:
            self._next.put_nowait(dry)
        except queue.Full:  # the one before is still on its way; the next decision comes within seconds
            return
        self._told, self._told_at = dry, now

    def _run(self) -> None:
        while (dry := self._next.get()) is not _STOP:
            self._ping(dry)

    def _ping(self, dry: tuple[str, ...]) -> None:
        said = f"no healthy provider is left for {', '.join(dry)}" if dry else "every stream has a provider"
        try:
            answer = self._poster.post(
                _address(self._url.reveal(), failing=bool(dry)), said.encode(), {"Content-Type": "text/plain"}
            )
            wrong = None if answer.status in _FINE else f"it answered {answer.status}"
        except DeliveryError as error:
            wrong = str(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end the pings; its text may hold the address
            wrong = f"{type(error).__name__} (a defect in mailover)"
        if wrong is not None and not self._failing:
            _log.warning("the dead man's ping did not get through: %s", wrong)
        elif wrong is None and self._failing:
            _log.info("the dead man's ping gets through again")
        self._failing = wrong is not None


def _address(url: str, *, failing: bool) -> str:
    """The address, or its neighbour that raises the alarm at once."""
    if not failing:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
