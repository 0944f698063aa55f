"""The buttons under an incident's message, and what a pressed one asks for. Pure.

A button carries all it means in its own value, so that a message that was posted by another agent, or before a
restart, still works. Who may press is the desk's business.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mailover.alerts.slack_blocks import escaped
from mailover.alerts.stories import Move, Story
from mailover.core.commands import AcknowledgeIncident, Command, FailBack, PauseFailback, PinProvider

SPAN = timedelta(hours=1)
"""How long a pin or a pause from Slack holds."""
_PREFIX = "mailover"
_TEXT_LIMIT = 75
_TITLE_LIMIT = 100
_ASKED_LIMIT = 300
_ANSWER_LIMIT = 30
_MOST_STREAMS = 5
"""The rest is a matter for the command line: a message of twenty rows of buttons helps nobody."""


class Verb(StrEnum):
    """What a button does."""

    ACKNOWLEDGE = "acknowledge"
    PIN = "pin"
    FAIL_BACK = "failback"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One button as it was pressed."""

    verb: Verb
    incident: str
    stream: str = ""
    provider: str = ""

    def command(self, by: str, now: datetime) -> Command:
        """What the service is to carry out."""
        match self.verb:
            case Verb.ACKNOWLEDGE:
                return AcknowledgeIncident(incident=self.incident, by=by)
            case Verb.PIN:
                return PinProvider(
                    stream=self.stream, provider=self.provider, until=now + SPAN, by=by, incident=self.incident
                )
            case Verb.FAIL_BACK:
                return FailBack(stream=self.stream, by=by, incident=self.incident)
            case Verb.PAUSE:
                return PauseFailback(stream=self.stream, until=now + SPAN, by=by, incident=self.incident)


def buttons(story: Story) -> list[dict[str, object]]:
    """The rows of buttons that make sense now: none once it is over and all mail has returned."""
    rows = []
    if story.ended_at is None and story.acknowledged_by is None:
        press = Press(verb=Verb.ACKNOWLEDGE, incident=story.incident)
        rows.append(_row([_button(press, "Acknowledge", 0) | {"style": "primary"}]))
    rows += [_row(list(_of_stream(story, *moved))) for moved in list(story.moves.items())[:_MOST_STREAMS]]
    return rows


def pressed(action: Mapping[str, Any]) -> Press | None:
    """What a button of ours asks for; None when it is none of ours."""
    kind, value = action.get("action_id"), action.get("value")
    if not isinstance(kind, str) or not isinstance(value, str) or not kind.startswith(f"{_PREFIX}."):
        return None
    try:
        incident, stream, provider = json.loads(value)
        press = Press(verb=Verb(kind.split(".")[1]), incident=incident, stream=stream, provider=provider)
    except (RecursionError, TypeError, ValueError):
        return None
    return press if all(isinstance(text, str) for text in (incident, stream, provider)) else None


def _of_stream(story: Story, stream: str, move: Move) -> Iterator[dict[str, object]]:
    """An hour on one provider while it lasts; the way back as long as mail is elsewhere."""
    for number, provider in enumerate(dict.fromkeys((move.now, move.was)) if story.ended_at is None else ()):
        press = Press(verb=Verb.PIN, incident=story.incident, stream=stream, provider=provider)
        yield _button(press, f"Pin {stream} to {provider} for 1 h", number) | {"confirm": _sure(stream, provider)}
    back = Press(verb=Verb.FAIL_BACK, incident=story.incident, stream=stream)
    yield _button(back, f"Fail back {stream} now", 0)
    pause = Press(verb=Verb.PAUSE, incident=story.incident, stream=stream)
    yield _button(pause, f"Pause fail-back of {stream} for 1 h", 0)


def _row(elements: list[dict[str, object]]) -> dict[str, object]:
    return {"type": "actions", "elements": elements}


def _button(press: Press, text: str, number: int) -> dict[str, object]:
    return {
        "type": "button",
        "action_id": f"{_PREFIX}.{press.verb}.{number}",
        "text": _plain(text, _TEXT_LIMIT),
        "value": json.dumps([press.incident, press.stream, press.provider], separators=(",", ":")),
    }


def _sure(stream: str, provider: str) -> dict[str, object]:
    asked = f"All mail of {stream} goes through {provider} for an hour, whether it works or not."
    return {
        "title": _plain(f"Pin {stream}?", _TITLE_LIMIT),
        "text": _plain(asked, _ASKED_LIMIT),
        "confirm": _plain("Pin it", _ANSWER_LIMIT),
        "deny": _plain("Leave it", _ANSWER_LIMIT),
    }


def _plain(text: str, limit: int) -> dict[str, object]:
    return {"type": "plain_text", "text": escaped(text, limit)}
