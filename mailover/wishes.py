"""Asks the streams' selectors what they want the flag's order to be, and has the service hear of it.

In a thread of its own, so that a plug-in keeps nobody waiting; what its wish may do is the core's business.
"""

import logging
import threading
from collections.abc import Callable

from mailover.core.decide import Decision
from mailover.core.observations import OrderWanted
from mailover.service import Service, Snapshot

_log = logging.getLogger("mailover.wishes")

_EVERY = 5.0
"""Seconds between two rounds when nothing is decided meanwhile."""
_GAP = 1.0
"""Seconds that a round waits after a decision for those that follow."""


class Wishes:
    """The thread that asks. Streams without a selector cost it nothing."""

    def __init__(self, service: Service) -> None:
        """Nothing is asked until `start`."""
        self._service = service
        self._decided = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Ask from now on."""
        self._service.listen(self._hear)
        self._thread = threading.Thread(target=self._run, name="mailover-wishes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._service.ignore(self._hear)
        self._ended.set()
        self._decided.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None

    def ask(self) -> None:
        """One round: what each selector wants that is not known yet is heard."""
        seen, now = self._service.snapshot, self._service.clock.now()
        for name, stream in seen.policy.streams.items():
            if not stream.mail.selector or name not in seen.fleet.streams:
                continue
            wanted = self._service.selectors.order(seen.fleet, seen.policy, name, now)
            wanted = tuple(dict.fromkeys(each for each in wanted if each in seen.policy.providers))
            if wanted != seen.fleet.streams[name].selected:
                self._service.hear(OrderWanted(stream=name, providers=wanted, at=now))

    def _hear(self, _snapshot: Snapshot, _decision: Decision) -> None:
        self._decided.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._safely(self.ask)
            self._ended.wait(_GAP)
            self._decided.wait(_EVERY)
            self._decided.clear()

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:  # noqa: BLE001 - the next round may fare better
            _log.exception("the selectors could not be asked")
