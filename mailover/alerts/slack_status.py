"""How things are, in the few words of `/mailover status`, and what else the command is told. Pure."""

from collections.abc import Iterator
from datetime import datetime

from mailover.alerts.messages import span
from mailover.alerts.slack_blocks import escaped
from mailover.core.events import rfc3339
from mailover.core.fleet import Fleet, Incident, Mode, StreamState
from mailover.service import Snapshot

_LIMIT = 2900
HELP = (
    "`/mailover status` shows where each stream's mail goes and which incidents are open. "
    "Nothing else can be typed here; what can be done about an incident are the buttons under its message."
)


def status(snapshot: Snapshot, stale: int | None, now: datetime) -> str:
    """Every stream and every open incident, a line each. `stale`: since when nothing is decided any more."""
    return escaped("\n".join(_lines(snapshot.fleet, stale, now)), _LIMIT)


def _lines(fleet: Fleet, stale: int | None, now: datetime) -> Iterator[str]:
    if stale is not None:
        yield f"Nothing has been decided or recorded for {span(stale)}: what follows is old."
    for name, state in fleet.streams.items():
        yield f"{name}: {_stream(state)}"
    for incident in fleet.incidents.values():
        yield _incident(incident, now)
    if not fleet.incidents:
        yield "No incident is open."


def _stream(state: StreamState) -> str:
    flag = state.flag
    told = f"{flag.provider or 'held back'}, {flag.mode}"
    told += "" if flag.mode is Mode.NORMAL else f" ({flag.because})"
    told += f"; then {', '.join(flag.fallbacks)}" if flag.fallbacks else "; no spare"
    paused = state.failback_paused_until
    return told if paused is None else f"{told}; no fail-back before {rfc3339(paused)}"


def _incident(incident: Incident, now: datetime) -> str:
    who = f"{incident.acknowledged_by} looks after it" if incident.acknowledged_by else "nobody looks after it yet"
    lasted = span(max(0.0, (now - incident.opened_at).total_seconds()))
    return f"Open for {lasted}: {incident.because} ({who})"
