"""SendGrid's event webhook: a list of events, signed over its time and the raw body (ECDSA, SHA-256).

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailover.config.feedback import FeedbackSettings
from webhooks.feedback.told import Asked, Fetch, Told, UnreadableError, What, parse, table, told, words

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_DROPPED = {"Bounced Address": What.BOUNCE, "Spam Reporting Address": What.COMPLAINT}


def genuine(settings: FeedbackSettings, asked: Asked, _now: datetime, _fetch: Fetch) -> bool:
    """Whether SendGrid signed these very bytes. How old they are is not asked: it retries for a day."""
    signed = asked.headers.get(_TIMESTAMP, "").encode("latin-1", "replace") + asked.body
    try:
        key = load_der_public_key(base64.b64decode(settings.public_key or ""))
        signature = base64.b64decode(asked.headers.get(_SIGNATURE, ""), validate=True)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


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
