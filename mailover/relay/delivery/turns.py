"""Who may use one of a provider's connections next: by priority, then in order. No socket, no clock.

How many at once is found by trying: from a few upwards with every success, half as many when the provider is
overtaxed. So a provider that has just recovered is not trampled by all that waited for it. Turns whose end is overdue
are set aside, lest they keep a provider closed that has long recovered.
"""

import asyncio
import heapq
from itertools import count

_AT_FIRST = 4
_AFTER_RECOVERY = 1


class Turns:
    """For one event loop. Every `take` that gave a turn needs one `give`."""

    def __init__(self, most: int) -> None:
        """`most` at once, once the provider has shown that it can."""
        self.most = most
        self.window = float(min(most, _AT_FIRST))
        self.taken = 0
        self.overdue = 0
        """Turns that do not count among these any more, though what was begun in them has not ended."""
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @property
    def free(self) -> bool:
        """Whether a turn would be given at once."""
        return self.taken < int(self.window)

    async def take(self, priority: int, within: float) -> bool:
        """Wait for a turn, at most that many seconds; False when none came."""
        if self.free:
            self.taken += 1
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), turn))
        try:
            async with asyncio.timeout(within):
                await turn
        except TimeoutError:
            if not turn.done() or turn.cancelled():
                return False
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise
        return True

    def give(self) -> None:
        """The turn is over."""
        self.taken -= 1
        self._call()

    def set_aside(self) -> bool:
        """A turn whose end is overdue goes to the next one; not where as many are overdue as may be taken.

        What was begun in it ends with `bring_back` instead of `give`.
        """
        if self.overdue >= self.most:
            return False
        self.overdue += 1
        self.give()
        return True

    def bring_back(self) -> None:
        """What was overdue has ended."""
        self.overdue -= 1

    def widen(self) -> None:
        """A message went through: one more at once."""
        if self.window < self.most:
            self.window = min(float(self.most), self.window + 1)
            self._call()

    def narrow(self) -> None:
        """The provider is overtaxed: half as many."""
        self.window = max(1.0, self.window / 2)

    def restart(self) -> None:
        """The provider is back: begin with one, and let successes widen it."""
        self.window = float(_AFTER_RECOVERY)

    def _call(self) -> None:
        while self._waiting and self.free:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self.taken += 1
                turn.set_result(None)
