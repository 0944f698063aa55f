"""What every view needs: the parts of the house as one value on the Flask application, the caller, a way to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, current_app, g

from mailover.config.adapters import AdaptersSettings
from mailover.service import Service
from mailover.storage.roster import Roster
from mailover.storage.store import Store
from webhooks.adapters.ofrep_known import Known
from webhooks.adapters.ofrep_stream import Refetches
from webhooks.answers import Answer
from webhooks.auth import Caller, Gate
from webhooks.counters import Counters
from webhooks.feed import Feed
from webhooks.feedback.inlet import FeedbackInlet
from webhooks.following import Follower
from webhooks.limits import Limits
from webhooks.traffic import Traffic
from webhooks.waiting import WaitingRoom

EXTENSION = "mailover"

SlackRequest = Callable[[Mapping[str, str], bytes], tuple[int, str]]
"""A signed request's headers, with lower-case names, and body: a status and, where it is an error, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The service and what stands between it and the callers."""

    service: Service
    gate: Gate
    room: WaitingRoom
    feed: Feed
    follower: Follower
    limits: Limits
    counters: Counters
    traffic: Traffic
    roster: Roster
    """The receivers of outgoing webhooks."""
    source: str
    """The `source` of events, a URI reference."""
    slack: SlackRequest
    """Answers Slack's presses."""
    feedback: FeedbackInlet
    """Hears what providers tell of sent mail."""
    mask: Callable[[str], str]
    """Takes the providers' secrets out of foreign text."""
    adapters: Callable[[], AdaptersSettings]
    """Which adapters there are at this moment."""
    refetches: Refetches
    """Tells OpenFeature's clients of changes."""
    known: Known
    """What they were answered."""

    @property
    def store(self) -> Store:
        """The service's store, for reading logs."""
        return self.service.store

    def close(self) -> None:
        """Send waiting readers home and end the follower."""
        self.room.close()
        self.follower.stop()


def parts() -> Parts:
    """The parts of the application that answers this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Parts)  # noqa: S101 - create_app put it there
    return found


def caller() -> Caller:
    """Who is asking."""
    found = g.caller
    assert isinstance(found, Caller)  # noqa: S101 - nobody comes past the gate without a name
    return found


def send(answer: Answer) -> Response:
    """An answer as Flask sends it."""
    response = Response(answer.body, answer.status)
    response.headers.clear()
    response.headers.extend(answer.headers)
    if answer.status != HTTPStatus.NOT_MODIFIED:
        response.content_length = len(answer.body)
    return response
