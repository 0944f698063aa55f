"""The relay's queue as the core sees it: when it grows where it should shrink, when it is drained, what is ambiguous.

It moves no flag and no breaker. Mail that waits on purpose, outside its sending hours, worries nobody.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.fleet import QueueStanding
from mailover.core.mail import QueueDepth
from mailover.core.sentences import span_words

_SHRINKS_TO = 0.9
"""A queue that has come down to this part of what it was is being worked off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """How much mail waits in the relay's queue; one fact for each stream that there is anything of."""

    depth: QueueDepth
    at: datetime


def hear(draft: Draft, seen: QueueSeen) -> None:
    """Compare with what was seen before, and tell people of a change for the worse or the better."""
    depth, name = seen.depth, seen.depth.stream
    if name not in draft.policy.streams:
        return
    known = draft.fleet.queues.get(name, QueueStanding())
    standing = _ambiguous(draft, known, depth)
    standing = _worse(draft, standing, depth) if _stuck(draft, depth) else _better(draft, standing, depth)
    if standing != known:
        others = {key: value for key, value in draft.fleet.queues.items() if key in draft.policy.streams}
        draft.rewrite(queues={**others, name: standing})


def _stuck(draft: Draft, depth: QueueDepth) -> bool:
    """Whether more waits, or longer, than should, and not on purpose."""
    alerts, hours = draft.policy.alerts, draft.policy.streams[depth.stream].mail.hours
    if not depth.queued or (hours and not any(each.covers(draft.now) for each in hours)):
        return False
    waited = draft.now - depth.oldest_at if depth.oldest_at is not None else None
    return depth.queued >= alerts.queue_depth or (waited is not None and waited >= alerts.queue_age)


def _worse(draft: Draft, standing: QueueStanding, depth: QueueDepth) -> QueueStanding:
    patience = draft.policy.alerts.queue_patience
    if standing.stuck_since is None or depth.queued < standing.queued * _SHRINKS_TO:
        return replace(standing, stuck_since=draft.now, queued=depth.queued)
    if standing.growing_since is not None or draft.now < standing.stuck_since + patience:
        return standing
    waited = f", the oldest for {span_words(draft.now - depth.oldest_at)}" if depth.oldest_at is not None else ""
    why = "an operator paused it" if depth.paused else draft.streams[depth.stream].flag.because
    because = f"{depth.queued} mails of {depth.stream} wait{waited}, and they do not become fewer: {why}"
    _tell(draft, EventType.QUEUE_GROWING, Severity.WARNING, because, depth)
    return replace(standing, growing_since=draft.now)


def _better(draft: Draft, standing: QueueStanding, depth: QueueDepth) -> QueueStanding:
    since = standing.growing_since
    if since is not None:
        because = f"the queue of {depth.stream} is worked off after {span_words(draft.now - since)}"
        _tell(draft, EventType.QUEUE_DRAINED, Severity.INFO, because, depth)
    return replace(standing, stuck_since=None, growing_since=None, queued=0)


def _ambiguous(draft: Draft, standing: QueueStanding, depth: QueueDepth) -> QueueStanding:
    """Mail that may have been delivered, or not, is for people to decide: each time there is more of it."""
    if depth.ambiguous > standing.ambiguous:
        because = (
            f"{depth.ambiguous} mails of {depth.stream} were sent and never answered: perhaps delivered, perhaps not; "
            "they are kept and not sent again by themselves"
        )
        _tell(draft, EventType.QUEUE_AMBIGUOUS, Severity.WARNING, because, depth)
    return replace(standing, ambiguous=depth.ambiguous)


def _tell(draft: Draft, kind: EventType, severity: Severity, because: str, depth: QueueDepth) -> None:
    draft.emit(
        kind,
        f"stream/{depth.stream}",
        severity,
        because,
        stream=depth.stream,
        queued=depth.queued,
        ambiguous=depth.ambiguous or None,
    )
