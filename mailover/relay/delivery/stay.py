"""One message's stay at one provider: the turn it has, whether it tests the provider, and the watch over its final dot.

While an answer is overdue the others go on: what became of the message itself is not known for long.
"""

import asyncio
import time
from collections.abc import Callable

from mailover.relay.delivery.accounts import Patience
from mailover.relay.delivery.pool import Pool


class Stay:
    """Begins with a turn that was taken; `end` gives it back."""

    def __init__(
        self, pool: Pool, patience: Patience, *, slow: Callable[[], None], overdue: Callable[[], None]
    ) -> None:
        """`slow` and `overdue` are called while a final dot is unanswered, each after its time."""
        self.pool = pool
        self._patience = patience
        self._slow = slow
        self._overdue = overdue
        self._testing = pool.standing.doubted
        self._timer: asyncio.TimerHandle | None = None
        self.was_overdue = False
        """Whether an answer did not come in time, whatever came later."""
        self.begun = False
        """Whether a transaction was begun in it."""
        self._set_aside = False
        pool.standing.tested = self._testing

    def dotted(self) -> None:
        """The final dot leaves now."""
        self._timer = asyncio.get_running_loop().call_later(self._patience.slow, self._is_slow)

    def answered(self) -> None:
        """Or the attempt has ended without."""
        if self._timer is not None:
            self._timer.cancel()

    def end(self) -> None:
        """The provider is somebody else's."""
        self.answered()
        self._end_test()
        if self._set_aside:
            self.pool.turns.bring_back()
        else:
            self.pool.turns.give()

    def _is_slow(self) -> None:
        self.pool.standing.doubt(time.monotonic())
        self._slow()
        left = self._patience.overdue - self._patience.slow
        self._timer = asyncio.get_running_loop().call_later(left, self._is_overdue)

    def _is_overdue(self) -> None:
        if not self.was_overdue:
            self.was_overdue = True
            self._set_aside = self.pool.turns.set_aside()
        self._end_test()
        self._overdue()

    def _end_test(self) -> None:
        if self._testing:
            self._testing = self.pool.standing.tested = False
