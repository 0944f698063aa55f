"""The demo's diary: what the agent decided and what was done to the providers, in order, with the second it happened.

Written by the deciding thread and by whoever plays; read and waited upon by everybody else.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mailover.core.decide import Decision
from mailover.core.events import Event, EventType
from mailover.service import Snapshot

_GLANCE = 0.05
"""Seconds between two looks at the diary while waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the diary."""

    seconds: float
    """Since the diary was begun."""
    text: str
    event: Event | None = None
    """None for what the demo itself did or says."""

    def tells(self, kind: EventType) -> bool:
        """Whether it is an event of this type."""
        return self.event is not None and self.event.type is kind


@dataclass(slots=True)
class Diary:
    """Grows only."""

    now: Callable[[], float] = time.monotonic
    _entries: list[Entry] = field(default_factory=list)
    _readers: list[Callable[[Entry], None]] = field(default_factory=list)
    _pen: threading.RLock = field(default_factory=threading.RLock)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.now()

    @property
    def seconds(self) -> float:
        """How long the diary has been kept."""
        return self.now() - self._began

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All so far."""
        with self._pen:
            return tuple(self._entries)

    def follow(self, reader: Callable[[Entry], None]) -> None:
        """Hand every entry to `reader`: the past ones now, further ones in the writer's thread."""
        with self._pen:
            for entry in self._entries:
                reader(entry)
            self._readers.append(reader)

    def hear(self, _snapshot: Snapshot, decision: Decision) -> None:
        """The service's listener."""
        for event in decision.events:
            self._write(event.because, event)

    def note(self, text: str) -> Entry:
        """Something that the demo itself did or says."""
        return self._write(text, None)

    def wait_for(
        self, kind: EventType, *, after: Entry, within: float, sleep: Callable[[float], None] = time.sleep
    ) -> Entry | None:
        """The first event of this type after an entry, None when there is none within that many seconds."""
        until = self.now() + within
        while True:
            entries = self.entries
            found = next((entry for entry in entries[entries.index(after) + 1 :] if entry.tells(kind)), None)
            left = until - self.now()
            if found is not None or left <= 0:
                return found
            sleep(min(_GLANCE, left))

    def _write(self, text: str, event: Event | None) -> Entry:
        with self._pen:
            entry = Entry(seconds=self.seconds, text=text, event=event)
            self._entries.append(entry)
            for reader in self._readers:
                reader(entry)
        return entry
