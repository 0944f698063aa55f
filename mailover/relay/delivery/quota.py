"""How many recipients each provider took today, over all relays on one store: what keeps us below a daily quota."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta

from mailover.core.hours import quota_day
from mailover.relay.writing import QueueWriter

_DAY = timedelta(days=1)
_DAYS = 7
_Counts = dict[tuple[str, date], int]


class Quota:
    """Counted in memory, for one event loop; `exchange` with the store from time to time."""

    def __init__(self, queue: QueueWriter, now: Callable[[], datetime]) -> None:
        """Nothing is known before the first `exchange`."""
        self._queue = queue
        self._now = now
        self._resets: Mapping[str, time] = {}
        self._stored: _Counts = {}
        self._added: _Counts = {}
        self._most: dict[str, int] = {}

    def use(self, resets: Mapping[str, time]) -> None:
        """The providers, and the time of day (UTC) at which the quota of each begins anew."""
        self._resets = resets

    def count(self, provider: str, recipients: int) -> None:
        """They were taken now."""
        key = (provider, self._day(provider))
        self._added[key] = self._added.get(key, 0) + recipients

    def today(self, provider: str) -> int:
        """Recipients since its quota began anew."""
        key = (provider, self._day(provider))
        return self._stored.get(key, 0) + self._added.get(key, 0)

    def most(self, provider: str) -> int:
        """Recipients on the best of the seven days before."""
        return self._most.get(provider, 0)

    async def exchange(self) -> None:
        """Tell the store what was counted here, and learn what others counted. Raises StorageError; nothing is lost."""
        telling = dict(self._added)
        today = {name: self._day(name) for name in self._resets}
        days = {day - back * _DAY for day in today.values() for back in range(_DAYS + 1)}
        for day in {day for _, day in telling}:
            counts = {name: number for (name, on), number in telling.items() if on == day}
            for name, number in counts.items():
                self._stored[name, day] = self._stored.get((name, day), 0) + number
                self._added[name, day] -= number
            await self._queue.use(day, counts)  # what cannot be written now is owed
        self._added = {key: number for key, number in self._added.items() if number}
        stored = await self._queue.ask(lambda: {day: self._queue.queue.used(day) for day in days})
        self._stored = {(name, day): number for day, used in stored.items() for name, number in used.items()}
        for name, day in today.items():
            before = (self._stored.get((name, day - back * _DAY), 0) for back in range(1, _DAYS + 1))
            self._most[name] = max(before)

    def _day(self, provider: str) -> date:
        return quota_day(self._now(), self._resets.get(provider, time(0, 0)))
