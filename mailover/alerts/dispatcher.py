"""The dispatcher: a thread per endpoint drains the durable outbox, so that a dead endpoint never delays another.

It only runs couriers; which events go where was decided when they were committed.
"""

import threading
from collections.abc import Iterable
from datetime import timedelta

from mailover.alerts.courier import Courier


class Dispatcher:
    """Couriers at work."""

    def __init__(self, couriers: Iterable[Courier]) -> None:
        """Nothing runs yet."""
        self._rounds = [_Round(courier) for courier in couriers]

    @property
    def endpoints(self) -> frozenset[str]:
        """Whom the couriers serve."""
        return frozenset(each.endpoint for each in self._rounds)

    def start(self) -> None:
        """Begin with what the outbox still holds."""
        for each in self._rounds:
            each.thread.start()

    def wake(self) -> None:
        """Something was committed: look at once. Returns at once; safe in any thread."""
        for each in self._rounds:
            each.bell.set()

    def stop(self, within: timedelta = timedelta(seconds=10)) -> None:
        """Let each courier finish the delivery it is at; what is left waits in the outbox."""
        for each in self._rounds:
            each.stopping = True
            each.bell.set()
        for each in self._rounds:
            if each.thread.ident is not None:
                each.thread.join(within.total_seconds())


class _Round:
    """One courier's thread."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self.endpoint = courier.endpoint
        self.bell = threading.Event()
        self.stopping = False
        self.thread = threading.Thread(target=self._run, name=f"mailover-courier-{courier.endpoint}", daemon=True)

    def _run(self) -> None:
        while not self.stopping:
            self.bell.clear()
            wait = self._courier.step()
            if wait and not self.stopping:
                self.bell.wait(wait.total_seconds())
