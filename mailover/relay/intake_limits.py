"""How much one client, one address and all together may take of the relay: counts, places and pauses. No socket here.

Instants are seconds of a clock that only grows, passed in.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

_FREE_GUESSES = 3
_LONGEST_PAUSE = 60.0
_FORGOTTEN_AFTER = 600.0
_MOST_REMEMBERED = 10_000
_V6_HOME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients may take; spans in seconds."""

    connections: int = 200
    per_address: int = 20
    memory: int = 134_217_728
    idle: float = 300.0
    command: float = 30.0
    session: float = 600.0
    rate: int = 500
    """Bytes a second."""
    stopping: float = 10.0


@lru_cache(maxsize=1024)
def home(address: str) -> str:
    """What counts as one address: of IPv6 the network that one customer is given."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, _V6_HOME), strict=False))
    return address


class Crowd:
    """Who is here, by address."""

    def __init__(self) -> None:
        self._by_home: Counter[str] = Counter()
        self.total = 0

    def enter(self, place: str) -> None:
        """One more."""
        self.total += 1
        self._by_home[place] += 1

    def leave(self, place: str) -> None:
        """One less."""
        self.total -= 1
        self._by_home[place] -= 1
        if not self._by_home[place]:
            del self._by_home[place]

    def at(self, place: str) -> int:
        """How many from there."""
        return self._by_home.get(place, 0)


class Guesses:
    """Refused logins by address: the first few are free, then each costs a pause twice as long as the one before."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def paused(self, place: str, now: float) -> bool:
        """Whether another one from there is too soon."""
        count, at = self._failed.get(place, (0, 0.0))
        return count >= _FREE_GUESSES and now < at + min(2.0 ** (count - _FREE_GUESSES), _LONGEST_PAUSE)

    def failed(self, place: str, now: float) -> int:
        """One more; how many within the last minutes."""
        count, at = self._failed.pop(place, (0, now))
        count = 1 if now > at + _FORGOTTEN_AFTER else count + 1
        self._failed[place] = (count, now)
        if len(self._failed) > _MOST_REMEMBERED:
            self._failed.popitem(last=False)
        return count


class Room:
    """Memory for large messages. Each has its whole place before it goes on, so that no two wait for each other."""

    def __init__(self, memory: int) -> None:
        self._free = memory
        self._held: dict[Hashable, int] = {}
        self._waiting: OrderedDict[Hashable, tuple[int, Callable[[], None]]] = OrderedDict()

    @property
    def free(self) -> int:
        """Bytes that nobody holds."""
        return self._free

    def resize(self, more: int) -> None:
        """There is more of it from now on, or less."""
        self._free += more
        self._admit()

    def ask(self, guest: Hashable, size: int, granted: Callable[[], None]) -> bool:
        """Whether there is a place at once; else `granted` is called when its turn has come."""
        if not self._waiting and size <= self._free:
            self._take(guest, size)
            return True
        self._waiting[guest] = (size, granted)
        return False

    def widen(self, guest: Hashable, size: int) -> bool:
        """Whether the place could be made so large, at once and before those who wait."""
        more = size - self._held.get(guest, 0)
        if more > self._free:
            return False
        self._take(guest, max(more, 0))
        return True

    def leave(self, guest: Hashable) -> None:
        """Give the place back, or wait no longer. Harmless when repeated."""
        self._waiting.pop(guest, None)
        self._free += self._held.pop(guest, 0)
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            first, (size, granted) = next(iter(self._waiting.items()))
            if size > self._free:
                return
            del self._waiting[first]
            self._take(first, size)
            granted()

    def _take(self, guest: Hashable, size: int) -> None:
        self._free -= size
        self._held[guest] = self._held.get(guest, 0) + size
