"""One thread that keeps in memory what the servers need from the store, so that no reader waits for a database."""

import logging
import threading
from collections.abc import Callable

from mailover.core.decide import Decision
from mailover.service import Service, Snapshot

_log = logging.getLogger("mailover.webhooks")

_INTERVAL = 2.0
"""Seconds; how late another agent's events and a revoked token are noticed."""


class Follower:
    """Runs its refreshers every two seconds, and at once when this agent made an event."""

    def __init__(self, service: Service, *refreshers: Callable[[], None]) -> None:
        """`refreshers` read the store; what the store's own trouble means to them is theirs to say."""
        self._refreshers = refreshers
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="mailover-follower", daemon=True)
        service.listen(self._hear)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; harmless when it never began."""
        self._stopped = True
        self._due.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _hear(self, _snapshot: Snapshot, decision: Decision) -> None:
        if decision.events:
            self._due.set()

    def _run(self) -> None:
        while not self._stopped:
            self._due.wait(_INTERVAL)
            self._due.clear()
            for refresh in self._refreshers:
                self._refresh(refresh)

    def _refresh(self, refresh: Callable[[], None]) -> None:
        try:
            refresh()
        except Exception:  # noqa: BLE001 - a thread that others count on must outlive any one failure
            _log.exception("following the store failed")
