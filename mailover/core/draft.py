"""A decision in the making: the fleet being rewritten, and the events, probes and incidents that come of it.

The only mutable thing in the core; it lives for one call of `decide` and never leaves it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from mailover.core.breaker import Breaker
from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import Fleet, Incident, StreamState
from mailover.core.observations import FailureKind, ProbeKind, Purpose
from mailover.core.orders import order_of
from mailover.core.policy import Policy
from mailover.core.providers import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """A probe that the shell starts now."""

    provider: str
    probe: ProbeKind
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of it: the next fleet, what happened and why, what to look at, and when to ask again."""

    fleet: Fleet
    events: tuple[Event, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """Those that were opened, touched or closed."""
    because: str = "nothing changed"
    probes: tuple[ProbeOrder, ...] = ()
    look_at_references: bool = False
    wake_at: datetime | None = None
    """Decide again at this instant though nothing is heard; None when no timer runs."""
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants the best provider back now, and for which incident."""

    by: str
    incident: str = ""


class Draft:
    """The fleet while a decision rewrites it."""

    def __init__(self, fleet: Fleet, policy: Policy, now: datetime) -> None:
        """Nothing is changed yet."""
        self._was = fleet
        self.fleet = fleet
        self.policy = policy
        self.now = now
        self.breakers = dict(fleet.breakers)
        self.streams = dict(fleet.streams)
        self.incidents = dict(fleet.incidents)
        self.events: list[Event] = []
        self.probes: list[ProbeOrder] = []
        self.look_at_references = False
        self.failing_back: dict[str, Wish] = {}
        """Streams whose operator wants the best provider back now."""
        self._touched: dict[str, Incident] = {}
        self._incidents_made = fleet.incidents_made

    # -- rewriting ------------------------------------------------------------------------------------------------

    def put(self, breaker: Breaker) -> Breaker:
        """Remember a provider's new state."""
        self.breakers[breaker.provider] = breaker
        return breaker

    def put_stream(self, state: StreamState) -> StreamState:
        """Remember a stream's new state."""
        self.streams[state.flag.stream] = state
        return state

    def order_of(self, stream: str) -> tuple[str, ...]:
        """The stream's order now."""
        return order_of(self.streams[stream], self.policy.streams[stream], self.now)

    def provider(self, name: str) -> Provider:
        """A provider as configured."""
        return self.policy.providers[name]

    def lets_through(self, name: str) -> bool:
        """Whether the flag may regard the provider as healthy; a shadowed breaker's verdict is ignored."""
        breaker = self.breakers.get(name)
        if breaker is None or breaker.closed:
            return breaker is not None
        return breaker.enabled and self.shadowed(name)

    def shadowed(self, name: str) -> bool:
        """Whether the flag ignores what the breaker says."""
        return name in self.policy.providers and self.policy.providers[name].shadow

    def streams_led_by(self, provider: str) -> list[str]:
        """The streams whose mail goes through this provider now."""
        return [name for name, state in self.streams.items() if provider in state.flag.weights]

    def rewrite(self, **fields: object) -> None:
        """Change fields of the fleet itself."""
        self.fleet = replace(self.fleet, **fields)  # type: ignore[arg-type]

    @property
    def blind(self) -> bool:
        """Whether the agent cannot trust its own view."""
        return self.fleet.blindness is not None

    def others(self, provider: str) -> Iterable[Breaker]:
        """All enabled breakers but this one."""
        return (b for b in self.breakers.values() if b.provider != provider and b.enabled)

    # -- what comes of it -----------------------------------------------------------------------------------------

    def probe(self, provider: str, kind: ProbeKind, purpose: Purpose, times: int = 1) -> None:
        """Want a probe started now."""
        self.probes.extend([ProbeOrder(provider=provider, probe=kind, purpose=purpose)] * times)

    def emit(self, kind: EventType, subject: str, severity: Severity, because: str, **data: object) -> Event:
        """Say that something happened. The fleet numbers the ids, so that they are stable and unlike any other's."""
        number = self._was.events + len(self.events) + 1
        event = Event(
            id=f"evt_{self.fleet.identity}_{number:09d}",
            type=kind,
            subject=subject,
            at=self.now,
            severity=severity,
            because=because,
            data={key.rstrip("_"): value for key, value in data.items() if value is not None},
        )
        self.events.append(event)
        return event

    def open_incident(
        self, subject: str, severity: Severity, since: datetime, because: str, kind: FailureKind | None = None
    ) -> Incident:
        """The open incident of this subject, begun now if there is none."""
        known = self.incidents.get(subject)
        if known is not None:
            return known
        self._incidents_made += 1
        return self._touch(
            Incident(
                id=f"inc_{self.fleet.identity}_{self._incidents_made:06d}",
                subject=subject,
                severity=severity,
                opened_at=since,
                detected_at=self.now,
                because=because,
                failure_kind=kind,
            )
        )

    def incident_id(self, subject: str) -> str | None:
        """The id of the open incident of this subject."""
        known = self.incidents.get(subject)
        return known.id if known is not None else None

    def incident_of(self, stream: str) -> str | None:
        """The id of the open incident that touched a stream; of several, the latest."""
        return next((each.id for each in reversed(self.incidents.values()) if stream in each.streams), None)

    def incident_touches(self, subject: str, stream: str) -> str | None:
        """Note that an open incident touched a stream; its id, None when there is no such incident."""
        known = self.incidents.get(subject)
        if known is not None and stream not in known.streams:
            known = self._touch(replace(known, streams=(*known.streams, stream)))
        return known.id if known is not None else None

    def acknowledge(self, incident: Incident, by: str) -> None:
        """Note who looks at it."""
        self._touch(replace(incident, acknowledged_at=self.now, acknowledged_by=by))

    def close_incident(self, subject: str) -> Incident | None:
        """End the open incident of this subject."""
        known = self.incidents.get(subject)
        if known is None:
            return None
        closed = self._touch(replace(known, closed_at=self.now))
        del self.incidents[subject]
        return closed

    def _touch(self, incident: Incident) -> Incident:
        self.incidents[incident.subject] = incident
        self._touched[incident.id] = incident
        return incident

    # -- the end --------------------------------------------------------------------------------------------------

    def finish(self, wake_at: datetime | None) -> Decision:
        """The decision, with the fleet it leads to; the very same fleet when nothing changed."""
        breakers = _same_or(self._was.breakers, self.breakers)
        streams = _same_or(self._was.streams, self.streams)
        incidents = _same_or(self._was.incidents, self.incidents)
        changed = (
            self.fleet is not self._was
            or bool(self.events or self._touched)
            or breakers is not self._was.breakers
            or streams is not self._was.streams
            or incidents is not self._was.incidents
        )
        fleet = self._was
        if changed:
            fleet = replace(
                self.fleet,
                breakers=breakers,
                streams=streams,
                incidents=incidents,
                events=self._was.events + len(self.events),
                incidents_made=self._incidents_made,
                decided_at=self.now,
            )
        return Decision(
            fleet=fleet,
            events=tuple(self.events),
            incidents=tuple(self._touched.values()),
            because="; ".join(e.because for e in self.events) or "nothing changed",
            probes=tuple(self.probes),
            look_at_references=self.look_at_references,
            wake_at=wake_at,
            changed=changed,
        )


_Value = TypeVar("_Value")


def _same_or(old: Mapping[str, _Value], new: dict[str, _Value]) -> Mapping[str, _Value]:
    """`old` itself when nothing was put or removed, so that unchanged parts keep their identity."""
    same = old.keys() == new.keys() and all(new[key] is value for key, value in old.items())
    return old if same else new
