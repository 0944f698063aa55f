"""Writing one decision after the other; what cannot be written is owed, and goes first when the store takes it again.

What a failing store means to the fleet is the core's business, and nothing is published here.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailover.core.decide import Decision
from mailover.core.events import Event
from mailover.core.fleet import Fleet, Incident
from mailover.core.observations import Observation
from mailover.errors import StorageError, VersionConflictError
from mailover.storage.store import Routing, Store

_MOST_OWED = 2000
"""Observations kept for later; older ones are let go. Events and incidents are all kept."""
_REST = 2
"""A failed attempt is followed by a rest of so many times its length: deciding must not wait for a store that hangs."""


class Ledger:
    """The only writer of fleets in this process. Not thread-safe: the deciding thread's own."""

    def __init__(self, store: Store, endpoints: Routing, now: Callable[[], datetime]) -> None:
        """Begin with what the store holds. Raises StorageError."""
        self._store = store
        self._endpoints = endpoints
        self._now = now
        self.committed: Fleet | None = store.load()
        """What the store holds, as far as is known here."""
        self._events: tuple[Event, ...] = ()
        self._incidents: dict[str, Incident] = {}
        self._observations: deque[Observation] = deque(maxlen=_MOST_OWED)
        self._error: StorageError | None = None
        self._resting_until = now()

    def record(self, decision: Decision, observations: Sequence[Observation]) -> StorageError | None:
        """Write it with all that is owed; None when that is done, else why not. Raises VersionConflictError."""
        if not (decision.changed or observations or self._error):
            return None
        if self._error is not None and self._now() < self._resting_until:
            return self.owe(decision, observations, self._error)
        began = self._now()
        fleet = replace(decision.fleet, version=(self.committed.version if self.committed else 0) + 1)
        try:
            self._store.commit(
                fleet,
                self.committed,
                events=[*self._events, *decision.events],
                observations=[*self._observations, *observations],
                incidents=list((self._incidents | {i.id: i for i in decision.incidents}).values()),
                endpoints=self._endpoints,
            )
        except VersionConflictError:
            raise
        except StorageError as error:
            self._rest(began)
            return self.owe(decision, observations, error)
        self.committed = fleet
        self._events, self._incidents, self._error = (), {}, None
        self._observations.clear()
        return None

    def catch_up(self) -> Fleet | None:
        """After a conflict: what the store holds now. Raises StorageError.

        It may be our own: a commit whose answer was lost. What is owed and not in it gets ids of its own, since the
        next events are numbered by the fleet that was loaded.
        """
        began = self._now()
        try:
            fleet = self._store.load()
            stored = {event.id: self._store.event(event.id) for event in self._events}
        except StorageError:
            self._rest(began)
            raise
        mark = f"_{self.committed.version if self.committed else 0}"
        self._events = tuple(replace(e, id=e.id + mark) for e in self._events if stored[e.id] != e)
        self.committed = fleet
        return fleet

    def owe(self, decision: Decision, observations: Sequence[Observation], error: StorageError) -> StorageError:
        """Keep it for later; gives the error back."""
        self._events += decision.events
        self._incidents |= {incident.id: incident for incident in decision.incidents}
        self._observations.extend(observations)
        self._error = error
        return error

    def _rest(self, began: datetime) -> None:
        now = self._now()
        self._resting_until = now + _REST * max(now - began, timedelta())
