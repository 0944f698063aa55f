"""What tells OpenFeature's web clients to fetch their flags again: one event for each change, and one to begin with.

The first event matters: a client that was cut off does not ask by itself what it has missed.
"""

from collections.abc import Callable

from mailover.core.decide import Decision
from mailover.service import Service, Snapshot
from webhooks.answers import compact

_RETRY = b"retry: 2000\n"
"""It stands inside the first event: in a block of its own some clients take it for an empty one."""


class Refetches:
    """Rings when a flag, or what is known of a provider's health, has changed."""

    def __init__(self, service: Service) -> None:
        """Listens to the service from now on."""
        self._bells: set[Callable[[], None]] = set()
        self._now = _state(service.snapshot), _event(service.snapshot)
        service.listen(self._hear)

    def hang(self, bell: Callable[[], None]) -> None:
        """Ring `bell` after each change, from a foreign thread."""
        self._bells.add(bell)

    def take_down(self, bell: Callable[[], None]) -> None:
        """Ring it no more."""
        self._bells.discard(bell)

    def news(self, known: object) -> tuple[bytes, object]:
        """The event for who knows this state (None: nothing), empty when it is the present one; and that state."""
        state, event = self._now
        if state == known:
            return b"", state
        return (_RETRY if known is None else b"") + event, state

    def _hear(self, snapshot: Snapshot, _decision: Decision) -> None:
        state = _state(snapshot)
        if state != self._now[0]:
            self._now = state, _event(snapshot)
            for bell in tuple(self._bells):
                bell()


def _state(snapshot: Snapshot) -> object:
    """All that an evaluation can depend on."""
    flags = tuple(sorted(published.etag for published in snapshot.flags.values()))
    healthy = frozenset(name for name, breaker in snapshot.fleet.breakers.items() if breaker.closed)
    return flags, healthy, snapshot.default_stream, snapshot.policy


def _event(snapshot: Snapshot) -> bytes:
    fleet = snapshot.fleet
    told = {
        "type": "refetchEvaluation",
        "etag": f"{fleet.identity}-{fleet.events}",
        "lastModified": int(fleet.decided_at.timestamp()),
    }
    return b"id: %d\nevent: message\ndata: %b\n\n" % (fleet.events, compact(told))
