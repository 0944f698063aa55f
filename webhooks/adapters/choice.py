"""Whom one message may go to, in which order: routing's answer with the places of the providers it names.

What every adapter that is asked for a recipient answers from. It reads the snapshot and nothing else.
"""

from datetime import datetime

from mailover.core.letters import Letter, Route
from mailover.core.providers import Provider
from mailover.core.routing import route
from mailover.service import Snapshot


def way_of(
    snapshot: Snapshot, now: datetime, *, stream: str, recipient: str = "", key: str = "", tag: str = ""
) -> Route:
    """The route of a message that somebody else sends. Nobody tells us of it, so it warms no backup."""
    letter = Letter(stream=stream, recipient=recipient, key=key, region=tag, routine=False)
    return route(snapshot.fleet, snapshot.policy, letter, now)


def places(snapshot: Snapshot, way: Route) -> tuple[Provider, ...]:
    """The route's providers; none: the message has to wait. A reload may have taken one away a moment ago."""
    configured = snapshot.policy.providers
    return tuple(configured[name] for name in way.providers if name in configured)
