"""What is in memory and not begun: whose turn it is among streams, and how much more fits. No clock, no socket.

Smaller priorities first; among streams of the same priority whoever has least under way; in a stream the oldest.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from mailover.core.mail import Leased, Mail

_SHARE = 0.75
"""Of the slots: as many may be one stream's, so that one whose providers are slow leaves room for the others."""
_LESSER_SHARE = 0.5
"""Of the slots: as many may have all messages together that can wait."""
_CAN_WAIT_FROM = 5
"""The priority from which a message is one that can wait: 3 is usual, 6 that of a stream that is postponed."""

_Entry = tuple[int, datetime, int, Leased]


@dataclass(slots=True)
class _Queue:
    entries: list[_Entry] = field(default_factory=list)
    under_way: int = 0
    blocked_until: float = 0.0


class Backlog:
    """Bounded by bytes and by messages; the time is passed in, in monotonic seconds."""

    def __init__(self, *, most_bytes: int, most: int, slots: int) -> None:
        """`slots` is how many messages may be under way at a time."""
        self._most_bytes = most_bytes
        self._most = most
        self._slots = slots
        self._streams: dict[str, _Queue] = {}
        self._numbers = count()
        self.waiting = 0
        """Messages that were not begun."""
        self.under_way = 0
        self._lesser = 0
        """Of these, how many can wait."""
        self.bytes = 0
        """Of all contents in memory, those under way too."""

    def resize(self, *, slots: int, most_bytes: int) -> None:
        """Other bounds from now on; what is beyond them already stays."""
        self._slots, self._most_bytes = slots, most_bytes

    def room(self) -> tuple[int, int]:
        """How many messages and bytes more it takes."""
        return max(0, self._most - self.waiting), max(0, self._most_bytes - self.bytes)

    def add(self, leased: Leased) -> None:
        """One more in memory."""
        self.bytes += leased.mail.size
        self._push(leased)

    def put_back(self, leased: Leased, until: float) -> None:
        """It could not be begun: nor can others of its stream before that time. It is still counted as under way."""
        self.block(leased.mail.stream, until)
        self._push(leased)

    def next(self, now: float) -> Leased | None:
        """What is to be begun now, and is under way from here on; None when nothing may be."""
        if self.under_way >= self._slots:
            return None
        ready = [queue for queue in self._streams.values() if self._may_begin(queue, now)]
        if not ready:
            return None
        queue = min(ready, key=lambda each: (each.entries[0][0], each.under_way, each.entries[0][1]))
        leased = heapq.heappop(queue.entries)[3]
        self.waiting -= 1
        self._count(leased.mail, 1)
        return leased

    def ended(self, mail: Mail) -> None:
        """Its slot is free again."""
        self._count(mail, -1)

    def forget(self, size: int) -> None:
        """So many bytes are not in memory any more."""
        self.bytes -= size

    def blocked(self, now: float) -> frozenset[str]:
        """Streams of which no more is wanted: they cannot go on, or have their share of memory already."""
        share = max(1, self._most // 2)
        return frozenset(
            name for name, queue in self._streams.items() if queue.blocked_until > now or len(queue.entries) >= share
        )

    def block(self, stream: str, until: float) -> None:
        """Nothing more of it is begun before that time."""
        queue = self._streams[stream]
        queue.blocked_until = max(queue.blocked_until, until)

    def unblocks_at(self, now: float) -> float | None:
        """When a stream that has something in memory may go on; None when none waits for that."""
        times = [queue.blocked_until for queue in self._streams.values() if queue.entries and queue.blocked_until > now]
        return min(times, default=None)

    def unblock(self) -> None:
        """Something has changed for the better: every stream may try."""
        for queue in self._streams.values():
            queue.blocked_until = 0.0

    def empty(self) -> Iterator[Leased]:
        """Take out all that was not begun."""
        for queue in self._streams.values():
            while queue.entries:
                leased = heapq.heappop(queue.entries)[3]
                self.waiting -= 1
                self.bytes -= leased.mail.size
                yield leased

    def _push(self, leased: Leased) -> None:
        queue = self._streams.setdefault(leased.mail.stream, _Queue())
        entry = (leased.mail.priority, leased.mail.accepted_at, next(self._numbers), leased)
        heapq.heappush(queue.entries, entry)
        self.waiting += 1

    def _count(self, mail: Mail, change: int) -> None:
        self._streams[mail.stream].under_way += change
        self.under_way += change
        self._lesser += change * (mail.priority >= _CAN_WAIT_FROM)

    def _may_begin(self, queue: _Queue, now: float) -> bool:
        if not queue.entries or queue.blocked_until > now:
            return False
        if queue.entries[0][0] >= _CAN_WAIT_FROM and self._lesser >= max(1, self._slots * _LESSER_SHARE):
            return False
        return len(self._streams) == 1 or queue.under_way < self._slots * _SHARE
