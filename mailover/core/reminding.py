"""Reminders: a critical incident that nobody has acknowledged is told again; one reminder speaks for all of them."""

from datetime import datetime

from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.fleet import Incident
from mailover.core.sentences import listed, span_words


def _waiting(draft: Draft) -> list[Incident]:
    """Critical incidents that nobody has acknowledged: by their own severity, or for a stream without a provider."""
    dry = {name for name, state in draft.streams.items() if state.exhausted_since is not None}
    return [
        incident
        for incident in draft.incidents.values()
        if incident.acknowledged_at is None
        and (incident.severity is Severity.CRITICAL or not dry.isdisjoint(incident.streams))
    ]


def due_at(draft: Draft) -> datetime | None:
    """When the next reminder is due; one speaks for all incidents that wait."""
    waiting, every = _waiting(draft), draft.policy.alerts.remind_every
    if not waiting or not every:
        return None
    since = min(incident.detected_at for incident in waiting)
    return max(since, draft.fleet.reminded_at or since) + every


def remind(draft: Draft) -> None:
    """Remind people, if it is time."""
    due, waiting = due_at(draft), _waiting(draft)
    if due is None or draft.now < due:
        return
    draft.rewrite(reminded_at=draft.now)
    oldest = min(waiting, key=lambda incident: incident.detected_at)
    open_for = draft.now - oldest.detected_at
    alone = len(waiting) == 1
    because = f"nobody has acknowledged it for {span_words(open_for)}: {oldest.because}"
    if not alone:
        subjects = [incident.subject.partition("/")[2] or incident.subject for incident in waiting]
        because = f"nobody has acknowledged {len(waiting)} incidents ({listed(subjects)}); the oldest: {oldest.because}"
    draft.emit(
        EventType.INCIDENT_UNACKNOWLEDGED,
        oldest.subject if alone else "agent",
        Severity.CRITICAL,
        because,
        provider=oldest.subject.partition("/")[2] or None if alone else None,
        incident=oldest.id if alone else None,
        incidents=[incident.id for incident in waiting],
        open=oldest.subject.partition("/")[2] or oldest.subject if alone else f"{len(waiting)} incidents",
        seconds_waiting=round(open_for.total_seconds(), 3),
    )
