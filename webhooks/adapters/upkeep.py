"""Keeps something outside as the snapshot says: tried at once when a flag changes, and again until it is done.

The deciding thread only rings; the work, which may take seconds, is done in a thread of its own.
"""

import logging
import threading
from collections.abc import Callable

from mailover.core.decide import Decision
from mailover.service import Service, Snapshot

_log = logging.getLogger("mailover.adapters")

RETRIES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between tries; the last one for ever."""


class UpkeepError(Exception):
    """It could not be brought up to date now. Its text is fit to be logged."""


class Upkeep:
    """One thing that is kept up to date."""

    def __init__(self, name: str, service: Service, bring: Callable[[Snapshot], None]) -> None:
        """`bring` does all that is needed for a snapshot, or raises UpkeepError; it is called for the start, too."""
        self._name = name
        self._service = service
        self._bring = bring
        self._bell = threading.Event()
        self._stopping = False
        self._tried: object = None
        """What the last try was for."""
        self._done: object = None
        self._failures = 0
        self._said = ""
        self._thread = threading.Thread(target=self._run, name=f"mailover-{name}", daemon=True)

    def start(self) -> None:
        """Bring it up to date, and keep it so."""
        self._service.listen(self._hear)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way."""
        self._service.ignore(self._hear)
        self._stopping = True
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _hear(self, snapshot: Snapshot, _decision: Decision) -> None:
        """Ring for what is new alone: decisions come by hundreds, and a try that failed has its time to wait."""
        if _wanted(snapshot) != self._tried:
            self._bell.set()

    def _run(self) -> None:
        while True:
            self._bell.clear()
            wait = self._step()
            if self._stopping:
                return
            self._bell.wait(wait)

    def _step(self) -> float | None:
        """Bring it up to date if it is not; how long to wait unless somebody rings."""
        snapshot = self._service.snapshot
        self._tried = wanted = _wanted(snapshot)
        if wanted == self._done:
            return None
        try:
            self._bring(snapshot)
        except UpkeepError as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a defect must not end it; its text may hold anything
            return self._failed(f"{type(error).__name__} (a defect in mailover)")
        if self._failures:
            _log.info("%s: done again", self._name)
        self._done, self._failures, self._said = wanted, 0, ""
        return None

    def _failed(self, why: str) -> float:
        level = logging.DEBUG if why == self._said else logging.ERROR
        _log.log(level, "%s: not up to date: %s", self._name, why)
        self._said = why
        self._failures += 1
        return RETRIES[min(self._failures, len(RETRIES)) - 1]


def _wanted(snapshot: Snapshot) -> object:
    """What the work depends on: every flag, and where each provider is."""
    return {name: published.etag for name, published in snapshot.flags.items()}, snapshot.policy.providers
