"""SendGrid's event webhook: a list of events, signed over its time and the raw body (ECDSA, SHA-256).

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mailover.config.feedback import FeedbackSettings
from webhooks.feedback.told import Asked, Fetch, Told, UnreadableError, What, parse, table, told, words

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_DROPPED = {"Bounced Address": What.BOUNCE, "Spam Reporting Address": What.COMPLAINT}


def genuine(settings: FeedbackSettings, asked: Asked, _now: datetime, _fetch: Fetch) -> bool:
    """Whether SendGrid signed these very bytes. How old they are is not asked: it retries for a day."""
    from webhooks.feedback.signatures import by_key  # noqa: PLC0415 - 8 MB that a house without SendGrid need not hold

    signed = asked.headers.get(_TIMESTAMP, "").encode("latin-1", "replace") + asked.body
    return by_key(settings.public_key or "", asked.headers.get(_SIGNATURE, ""), signed)


def read(asked: Asked) -> tuple[Told, ...]:
    """What the events say. A bounce of type `blocked` is about us, not about the recipient."""
    events = parse(asked.body)
    if not isinstance(events, list):
        raise UnreadableError("it is no list of events")
    return tuple(each for event in events for each in _read_one(table(event)))


def _read_one(event: Mapping[str, Any]) -> tuple[Told, ...]:
    name, address, said = event.get("event"), event.get("email"), words(event.get("reason"))
    number = words(event.get("sg_event_id"))
    if name == "spamreport":
        return told(number, What.COMPLAINT, address)
    if name == "bounce" and event.get("type", "bounce") == "bounce":
        return told(number, What.BOUNCE, address, said)
    if name == "dropped" and said in _DROPPED:
        return told(number, _DROPPED[said], address, said, fresh=False)
    return ()
