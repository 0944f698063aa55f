"""Where readers wait for the flag to change: how many may, and who is told. No rule about the flag lives here."""

import threading
from collections.abc import Callable

from mailover.core.decide import Decision
from mailover.service import Service, Snapshot
from webhooks.answers import Answer
from webhooks.flag import Wait

SEATS = 5000


class WaitingRoom:
    """Parked readers: threads wait here themselves, an event loop leaves a bell to be rung."""

    def __init__(self, service: Service, seats: int = SEATS) -> None:
        """At most `seats` readers wait at a time."""
        self._service = service
        self._seats = seats
        self._seated = 0
        self._changed = threading.Condition()
        self._bells: set[Callable[[], None]] = set()
        self._told = service.snapshot.flags
        self.closing = False
        service.listen(self._hear)

    @property
    def snapshot(self) -> Snapshot:
        """What readers see at this moment."""
        return self._service.snapshot

    @property
    def seated(self) -> int:
        """How many wait now."""
        return self._seated

    def enter(self) -> bool:
        """Take a seat; False when there is none, or the house closes."""
        with self._changed:
            if self._seated >= self._seats or self.closing:
                return False
            self._seated += 1
            return True

    def leave(self) -> None:
        """Give the seat back."""
        with self._changed:
            self._seated -= 1

    def sit(self, wait: Wait) -> Answer:
        """Wait in this thread until the flag changes, the time is over or the house closes."""
        if not self.enter():
            return self.full(wait)
        try:
            with self._changed:
                self._changed.wait_for(lambda: self.closing or wait.over(self.snapshot), wait.seconds)
            return self.tell(wait)
        finally:
            self.leave()

    def full(self, wait: Wait) -> Answer:
        """The present flag at once, for whom no seat is free."""
        return self.tell(wait).with_headers(("Retry-After", "5"))

    def tell(self, wait: Wait) -> Answer:
        """What the reader is told now."""
        return wait.answer(self.snapshot, self._service.stale_seconds())

    def hang(self, bell: Callable[[], None]) -> None:
        """Ring `bell` after each change, from a foreign thread."""
        self._bells.add(bell)

    def take_down(self, bell: Callable[[], None]) -> None:
        """Ring it no more."""
        self._bells.discard(bell)

    def close(self) -> None:
        """Send everybody home with the present flag."""
        self.closing = True
        self._ring()

    def _hear(self, snapshot: Snapshot, _decision: Decision) -> None:
        told, flags = self._told, snapshot.flags
        self._told = flags
        if told is not flags and (len(told) != len(flags) or any(told.get(n) is not flags[n] for n in flags)):
            self._ring()

    def _ring(self) -> None:
        with self._changed:
            self._changed.notify_all()
        for bell in tuple(self._bells):
            bell()
