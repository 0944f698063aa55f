"""The event log as a stream of server-sent events: the latest ones from memory, older ones from the store.

A client is a place in the log and pulls at its own pace, so nothing is queued for it and nothing is lost to it.
Frames are made here; sending them is the servers' business.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailover.core.events import Event
from mailover.errors import NotFoundError, StorageError
from mailover.storage.store import Store
from webhooks.answers import compact

_log = logging.getLogger("mailover.webhooks")

HEARTBEAT = b": ka\n\n"
HEARTBEAT_SECONDS = 15.0
LIFETIME_SECONDS = 1800.0
"""At least; up to twice as long, so that clients do not come back all at once."""
STREAM_HEADERS = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
_RETRY = b"retry: 2000\n"
_KEPT = 1000
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a client is: after the event of this id."""

    id: str | None
    """None is before the first event of all."""
    greeted: bool = False
    """Whether a frame was sent; the first one carries the reconnection time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The events a client asked for; an empty field chooses all."""

    types: frozenset[str] = frozenset()
    provider: str | None = None
    stream: str | None = None

    def takes(self, event: Event) -> bool:
        """Whether the client wants this one."""
        return (
            (not self.types or event.type in self.types)
            and self.provider in {None, event.data.get("provider")}
            and self.stream in {None, event.data.get("stream")}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """An event with the bytes it is sent as."""

    event: Event
    frame: bytes


class Feed:
    """Follows the event log; `refresh` is called by one thread, everything else by any."""

    def __init__(self, store: Store, source: str, kept: int = _KEPT) -> None:
        """Begins at the end of the log; `kept` events stay in memory. Raises StorageError."""
        self._store = store
        self._source = source
        self._lock = threading.Lock()
        self._recent: deque[Framed] = deque(maxlen=kept)
        self._bells: set[Callable[[], None]] = set()
        newest = store.events(newest_first=True, limit=1).items
        self._start = newest[0].id if newest else None

    def refresh(self) -> None:
        """Take in what was committed since, by this agent or by another one, and ring."""
        try:
            found = self._read_on()
        except StorageError as error:
            _log.debug("the event log could not be read: %s", error)
            return
        if found:
            for bell in tuple(self._bells):
                bell()

    def _read_on(self) -> bool:
        found = False
        while True:
            page = self._page_after(self._end)
            for framed in self._framed(page):
                with self._lock:
                    if len(self._recent) == self._recent.maxlen:
                        self._start = self._recent[0].event.id
                    self._recent.append(framed)
            found = found or bool(page)
            if len(page) < _PAGE:
                return found

    @property
    def _end(self) -> str | None:
        return self._recent[-1].event.id if self._recent else self._start

    def join(self, last_event_id: str | None) -> Place:
        """Where a client begins: after the last event it has seen, else after the latest of all."""
        with self._lock:
            return Place(id=last_event_id or self._end)

    def live(self, place: Place, choice: Choice) -> tuple[bytes, Place] | None:
        """What follows in memory, empty when nothing does; None when the store must be asked."""
        with self._lock:
            newest_first = tuple(reversed(self._recent))
            start = self._start
        position = next((i for i, framed in enumerate(newest_first) if framed.event.id == place.id), None)
        if position is None and place.id != start:
            return None
        return _chosen(newest_first[:position][::-1], place, choice)

    def replay(self, place: Place, choice: Choice) -> tuple[bytes, Place]:
        """A page of what follows in the store; nothing while it cannot be read.

        An id that it no longer has stands before all that it still has.
        """
        try:
            return _chosen(self._framed(self._page_after(place.id)), place, choice)
        except StorageError as error:
            _log.debug("the event log could not be read: %s", error)
            return b"", place

    def _page_after(self, event_id: str | None) -> Sequence[Event]:
        """What follows; after an event that was forgotten, as in a quiet house the last one is, all there is."""
        try:
            return self._store.events(after=event_id, limit=_PAGE).items
        except NotFoundError:
            return self._store.events(limit=_PAGE).items

    def hang(self, bell: Callable[[], None]) -> None:
        """Ring `bell` when something follows, from a foreign thread."""
        self._bells.add(bell)

    def take_down(self, bell: Callable[[], None]) -> None:
        """Ring it no more."""
        self._bells.discard(bell)

    def _framed(self, events: Iterable[Event]) -> tuple[Framed, ...]:
        return tuple(Framed(event=event, frame=_frame(event, self._source)) for event in events)


def _frame(event: Event, source: str) -> bytes:
    data = compact(event.body(source))
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.id.encode(), event.type.encode(), data)


def _chosen(known: Sequence[Framed], place: Place, choice: Choice) -> tuple[bytes, Place]:
    if not known:
        return b"", place
    frames = b"".join(framed.frame for framed in known if choice.takes(framed.event))
    greeting = _RETRY if frames and not place.greeted else b""
    return greeting + frames, Place(id=known[-1].event.id, greeted=place.greeted or bool(frames))


def wants_stream(method: str, accept: str) -> bool:
    """Whether the caller asks for a stream by name; `*/*` gets pages."""
    return method == "GET" and any(
        part.partition(";")[0].strip().lower() == "text/event-stream" for part in accept.split(",")
    )
