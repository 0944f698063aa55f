"""What Slack sends when somebody presses a button or types the command: by HTTP as a form, by Socket Mode as JSON.

Pure. Whether it is really Slack that speaks is `slack_signature`'s and the socket's business.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from mailover.alerts.slack_buttons import Press, pressed

_MOST_FIELDS = 50
_LONGEST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """Somebody wants something."""

    user: str
    """Slack's id of the person."""
    key: str
    """The same when Slack tells it again, and of no other interaction."""
    wish: Press | str
    """A button, or what was typed behind the command."""
    answer_to: str
    """Where the person is answered, for half an hour."""


def from_form(body: bytes) -> Interaction | None:
    """The interaction in a request's body, None when it is none that concerns us. Raises ValueError for nonsense."""
    fields = {k: v[0] for k, v in parse_qs(body.decode(), max_num_fields=_MOST_FIELDS, keep_blank_values=True).items()}
    return read(parse(fields["payload"]) if "payload" in fields else fields)


def parse(text: str) -> Mapping[str, Any]:
    """A JSON object. Raises ValueError."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - of what Slack sent, not of what we pass
    return found


def read(payload: Mapping[str, Any]) -> Interaction | None:
    """The interaction in a payload, None when it is none that concerns us."""
    if payload.get("type") == "block_actions":
        return _button(payload)
    if isinstance(payload.get("command"), str):
        return _made(payload, payload.get("user_id"), str(payload.get("text") or "").strip())
    return None


def _button(payload: Mapping[str, Any]) -> Interaction | None:
    user, actions = payload.get("user"), payload.get("actions")
    if not isinstance(user, dict) or not isinstance(actions, list) or not actions or not isinstance(actions[0], dict):
        return None
    return _made(payload, user.get("id"), pressed(actions[0]))


def _made(payload: Mapping[str, Any], user: object, wish: Press | str | None) -> Interaction | None:
    if wish is None or not isinstance(user, str) or not 0 < len(user) < _LONGEST:
        return None
    answer_to, trigger = payload.get("response_url"), payload.get("trigger_id")
    known = trigger if isinstance(trigger, str) and trigger else json.dumps(payload, sort_keys=True, default=str)
    return Interaction(
        user=user,
        key=hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest(),
        wish=wish[:_LONGEST] if isinstance(wish, str) else wish,
        answer_to=answer_to if isinstance(answer_to, str) else "",
    )
