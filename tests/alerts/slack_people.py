"""People in a fake Slack: they see messages, press what is there, and type the command; Slack tells whoever listens."""

import itertools
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from fake_slack import CHANNEL, FakeSlack, Post, blocks

from mailover.alerts.slack_signature import sign

ANN, BOB, STRANGER = "U0000000ANN", "U0000000BOB", "U0STRANGER0"
SIGNING_SECRET = "0123456789abcdef0123456789abcdef"

_numbers = itertools.count(1)


def buttons(post: Post) -> dict[str, dict]:
    """The buttons under a message, by what is written on them."""
    rows = [block["elements"] for block in blocks(post) if block["type"] == "actions"]
    return {element["text"]["text"]: element for element in itertools.chain(*rows)}


def press(slack: FakeSlack, post: Post, text: str, user: str = ANN) -> dict[str, object]:
    """The payload of a press, as Slack makes it; only what is shown now can be pressed."""
    button = buttons(slack.shown[str(post["ts"])])[text]
    number = next(_numbers)
    action = {"action_id": button["action_id"], "value": button["value"], "type": "button", "text": button["text"]}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T0123456789"},
        "container": {"type": "message", "message_ts": post["ts"], "channel_id": CHANNEL, "is_ephemeral": False},
        "trigger_id": f"{number}.12345.abcdef",
        "channel": {"id": CHANNEL, "name": "alerts"},
        "message": {"type": "message", "ts": post["ts"], "text": post["text"], "blocks": post["blocks"]},
        "response_url": f"{slack.url}/actions/T0123456789/{number}/abcdef",
        "actions": [action | {"block_id": "x1", "action_ts": f"1700000001.{number:06d}"}],
    }


def typed(slack: FakeSlack, text: str, user: str = ANN) -> dict[str, str]:
    """The payload of a typed command."""
    number = next(_numbers)
    return {
        "command": "/mailover",
        "text": text,
        "user_id": user,
        "channel_id": CHANNEL,
        "trigger_id": f"{number}.54321.fedcba",
        "response_url": f"{slack.url}/actions/T0123456789/{number}/fedcba",
    }


def form(payload: Mapping[str, object]) -> bytes:
    """The body by which Slack tells it over HTTP."""
    return urlencode(payload if "command" in payload else {"payload": json.dumps(payload)}).encode()


def signed(body: bytes, at: float, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers beside it."""
    timestamp = str(int(at))
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": sign(secret, timestamp, body),
    }
