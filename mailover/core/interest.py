"""Which events a receiver asked for: types, streams, providers and a least severity. Never where they are sent."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailover.core.events import Event, EventType, Severity

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What somebody wants to hear of; an empty part leaves nothing out."""

    events: tuple[EventType, ...] = ()
    streams: tuple[str, ...] = ()
    """Only events that name one of them; one that names no stream is left out."""
    providers: tuple[str, ...] = ()
    """Only events that name one of them, also as what a stream left or went to."""
    severity: Severity | None = None
    """At least this severe."""

    def wants(self, event: Event) -> bool:
        """Whether all parts admit the event."""
        return (
            (not self.events or event.type in self.events)
            and (not self.streams or _names(event, "stream", ("stream", "streams"), self.streams))
            and (not self.providers or _names(event, "provider", ("provider", "from", "to"), self.providers))
            and (self.severity is None or _RANK[event.severity] >= _RANK[self.severity])
        )


def _names(event: Event, kind: str, keys: Iterable[str], wanted: tuple[str, ...]) -> bool:
    named = {event.subject.removeprefix(f"{kind}/")} if event.subject.startswith(f"{kind}/") else set()
    for key in keys:
        value = event.data.get(key)
        if isinstance(value, str):
            named.add(value)
        elif isinstance(value, list | tuple):
            named.update(each for each in value if isinstance(each, str))
    return not named.isdisjoint(wanted)
