"""One incident as people follow it: told event by event, shown as one message that is rewritten as it goes on.

Pure. It is made of events alone, never of the present state, so that a late telling says what was true then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailover.alerts.messages import Message, message, span
from mailover.core.events import Event, EventType, Severity, rfc3339

ENDINGS = frozenset({EventType.PROVIDER_CLOSED, EventType.AGENT_SIGHTED, EventType.PROVIDER_DISABLED})
"""An incident ends with the first of these."""

_LOUD = frozenset({EventType.STREAM_EXHAUSTED, EventType.INCIDENT_UNACKNOWLEDGED})
_MOVING = frozenset({EventType.FAILOVER_HAPPENED, EventType.FAILBACK_HAPPENED, EventType.STREAM_EXHAUSTED})
_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_MOST_STREAMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How far an incident has carried a stream's mail."""

    was: str
    """The provider it went through before."""
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What has been told of one incident."""

    incident: str
    began: EventType
    headline: str
    because: str
    severity: Severity
    """The worst so far."""
    at: datetime
    """The first failing signal, where the first event says how long it took to see it."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """What became of each stream it touched, as the end of a sentence."""
    moves: Mapping[str, Move] = field(default_factory=dict)
    """The streams whose mail is elsewhere because of it."""
    acknowledged_by: str | None = None
    ended_at: datetime | None = None
    ended_by: EventType | None = None
    ended_because: str = ""
    seconds: float = 0.0
    """How long it lasted."""
    steps: int = 0


def begun(event: Event, incident: str) -> Story:
    """The story of which this event is the first."""
    detected = event.data.get("seconds_to_detect")
    first_signal = event.at - timedelta(seconds=detected if isinstance(detected, int | float) else 0)
    story = Story(
        incident=incident,
        began=event.type,
        headline=message(event, event.at).headline,
        because=event.because,
        severity=event.severity,
        at=first_signal,
    )
    return continued(story, event)


def continued(story: Story, event: Event) -> Story:
    """The story with one more event."""
    worst = max(story.severity, event.severity, key=lambda severity: _RANKS[severity])
    story = replace(story, severity=worst, steps=story.steps + 1)
    if event.type in ENDINGS:
        lasted = event.data.get("seconds_open", event.data.get("seconds"))
        known = isinstance(lasted, int | float) and event.type is EventType.AGENT_SIGHTED
        seconds = lasted if known and isinstance(lasted, int | float) else (event.at - story.at).total_seconds()
        return replace(
            story, ended_at=event.at, ended_by=event.type, ended_because=event.because, seconds=max(0.0, seconds)
        )
    if event.type is EventType.INCIDENT_ACKNOWLEDGED:
        return replace(story, acknowledged_by=str(event.data.get("by") or "somebody"))
    story = replace(story, moves=_moved(story.moves, event))
    stream, became = event.data.get("stream"), _became(event)
    if isinstance(stream, str) and became and (stream in story.streams or len(story.streams) < _MOST_STREAMS):
        return replace(story, streams={**story.streams, stream: became})
    return story


def returned(story: Story, event: Event) -> Story:
    """The story once a stream's mail has returned by a failback that is no step of its own."""
    return replace(story, moves=_moved(story.moves, event))


def loud(event: Event) -> bool:
    """Whether the whole channel is to see this step: how it ended, and what cannot wait until somebody looks."""
    return event.type in ENDINGS or event.type in _LOUD


def shown(story: Story) -> Message:
    """The message of the whole incident as it stands."""
    lines = [story.because, *(f"{stream}: {became}" for stream, became in story.streams.items())]
    if story.ended_at is None:
        if story.acknowledged_by:
            lines.append(f"{story.acknowledged_by} looks after it")
        elif story.severity is Severity.CRITICAL:
            lines.append("nobody has acknowledged it yet")
        facts = [("since", rfc3339(story.at))]
    else:
        lines.append(story.ended_because)
        facts = [("from", rfc3339(story.at)), ("until", rfc3339(story.ended_at)), ("lasted", span(story.seconds))]
    return Message(
        severity=Severity.INFO if story.ended_at else story.severity,
        good=story.ended_by is not None and story.ended_by is not EventType.PROVIDER_DISABLED,
        headline=_headline(story),
        because="\n".join(lines),
        facts=(*facts, ("incident", story.incident)),
        about=None if story.ended_at else story.began,
    )


def _headline(story: Story) -> str:
    if story.ended_by is None:
        return story.headline
    word = "disabled" if story.ended_by is EventType.PROVIDER_DISABLED else "over"
    return f"{word} after {span(round(story.seconds))}: {story.headline}"


def _moved(moves: Mapping[str, Move], event: Event) -> Mapping[str, Move]:
    stream, left, taken = (event.data.get(key) for key in ("stream", "from", "to"))
    if event.type not in _MOVING or not (isinstance(stream, str) and isinstance(left, str) and isinstance(taken, str)):
        return moves
    known = moves.get(stream)
    if known is None and (event.type is EventType.FAILBACK_HAPPENED or len(moves) >= _MOST_STREAMS):
        return moves
    was = left if known is None else known.was
    if taken == was and event.type is EventType.FAILBACK_HAPPENED:
        return {name: move for name, move in moves.items() if name != stream}
    return {**moves, stream: Move(was=was, now=taken)}


def _became(event: Event) -> str:
    match event.type:
        case EventType.FAILOVER_HAPPENED | EventType.FAILBACK_HAPPENED:
            return (
                f"mail goes through {event.data.get('to') or 'nobody'} instead of {event.data.get('from') or 'nobody'}"
            )
        case EventType.STREAM_EXHAUSTED:
            return "no healthy provider is left"
        case EventType.STREAM_PINNED:
            return f"pinned to {event.data.get('to')} until {event.data.get('until')}{_by(event)}"
        case EventType.STREAM_UNPINNED:
            return f"no longer pinned to {event.data.get('provider')}{_by(event)}"
        case EventType.FAILBACK_PAUSED:
            return f"no fail-back before {event.data.get('until')}{_by(event)}"
        case EventType.FAILBACK_RESUMED:
            return f"may fail back by itself again{_by(event)}"
        case EventType.STREAM_RECOVERED:
            return f"a healthy provider carries it again: {event.data.get('to') or 'unnamed'}"
        case _:
            return ""


def _by(event: Event) -> str:
    who = event.data.get("by")
    return f" by {who}" if who else ""
