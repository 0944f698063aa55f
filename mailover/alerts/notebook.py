"""What a bot remembers of its own messages, in the store, so that a restart goes on where the last one ended.

What stands in a message is `stories`' business, when one is written `living`'s.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from mailover.alerts.slack_bot import Place
from mailover.alerts.stories import Story
from mailover.errors import StorageError
from mailover.storage.codec import dumps, loads
from mailover.storage.store import Store

_log = logging.getLogger("mailover.alerts")

_CLOSED_KEPT = 50
"""An ended incident is remembered for a while: its last event may be delivered a second time."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One incident's message: the story it tells, where it stands, and how far it has got."""

    story: Story
    place: Place | None = None
    """The message, None while it has to be posted."""
    root: Place | None = None
    """The message whose thread takes the steps, when that is not the message itself."""
    told: str = ""
    """Id of the event told last."""
    shown: str = ""
    """Id of the event that the message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The latest messages that the whole channel saw, and the one that gathers the rest when they are too many."""

    posted_at: tuple[datetime, ...] = ()
    gathering: Place | None = None
    gathering_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    incidents: tuple[str, ...] = ()


class Notebook:
    """Notes of one endpoint."""

    def __init__(self, store: Store, endpoint: str) -> None:
        """Nothing is read yet."""
        self._store = store
        self._prefix = f"alerts/{endpoint}"
        self._unwritten: dict[str, str | None] = {}
        """What the store would not take: lost with the process, and worth a repeated message then."""

    def thread(self, incident: str) -> Thread | None:
        """What was told of this incident."""
        return self._read(f"incident/{incident}", Thread)

    def keep(self, thread: Thread) -> None:
        """Remember how far the telling has got. Never raises: what was said must not be said again."""
        incident = thread.story.incident
        self._write(f"incident/{incident}", dumps(thread))
        if thread.story.ended_at is not None:
            with suppress(StorageError):
                self._forget_older(incident)

    def ended(self) -> list[Thread]:
        """The latest incidents that are over."""
        known = self._read("ended", _Ended) or _Ended()
        return [thread for thread in map(self.thread, known.incidents) if thread is not None]

    def crowd(self) -> Crowd:
        """The latest messages."""
        return self._read("crowd", Crowd) or Crowd()

    def keep_crowd(self, crowd: Crowd) -> None:
        """Remember them."""
        self._write("crowd", dumps(crowd))

    def _forget_older(self, incident: str) -> None:
        ended = (self._read("ended", _Ended) or _Ended()).incidents
        if incident in ended:
            return
        for old in ended[: -_CLOSED_KEPT + 1]:
            self._write(f"incident/{old}", None)
        self._write("ended", dumps(_Ended(incidents=(*ended, incident)[-_CLOSED_KEPT:])))

    def _read(self, name: str, kind: type[_Kept]) -> _Kept | None:
        key = f"{self._prefix}/{name}"
        text = self._unwritten[key] if key in self._unwritten else self._store.note(key)
        if not isinstance(text, str):
            return None
        try:
            return loads(kind, text)
        except StorageError as error:  # better told anew than never
            _log.warning("%s: a note cannot be read and is dropped: %s", key, error)
            return None

    def _write(self, name: str, text: str | None) -> None:
        """What was said cannot be unsaid: a store that fails now must not make it be said again."""
        self._unwritten[f"{self._prefix}/{name}"] = text
        try:
            for key, value in list(self._unwritten.items()):
                self._store.set_note(key, value)
                del self._unwritten[key]
        except StorageError as error:
            _log.debug("notes wait for the store: %s", error)
