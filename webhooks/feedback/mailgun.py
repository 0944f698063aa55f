"""Mailgun's webhooks: one event a request, with a signature in the body over a time and a token (HMAC, SHA-256).

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from mailover.config.feedback import FeedbackSettings
from webhooks.feedback.told import Asked, Fetch, Told, UnreadableError, What, parse, table, told, words

_STILL_GOOD = timedelta(hours=24)
"""The signature covers no content, so an old one must not open the door for ever; Mailgun retries for 8 hours."""
_OURS = frozenset({"old", "espblock", "greylisted", "blacklisted"})
"""Reasons of a permanent failure that say nothing of the recipient."""
_SUPPRESSED = {"suppress-bounce": What.BOUNCE, "suppress-complaint": What.COMPLAINT}


def genuine(settings: FeedbackSettings, asked: Asked, now: datetime, _fetch: Fetch) -> bool:
    """Whether Mailgun made the signature, and not long ago."""
    signature = table(table(parse(asked.body)).get("signature"))
    at, token, given = (words(signature.get(key)) for key in ("timestamp", "token", "signature"))
    key = settings.signing_key.reveal() if settings.signing_key is not None else ""
    made = hmac.new(key.encode(), f"{at}{token}".encode(), hashlib.sha256).hexdigest()
    if not (key and token and at.isascii() and at.isdigit()) or not hmac.compare_digest(made, given.lower()):
        return False
    return abs(now.timestamp() - int(at)) <= _STILL_GOOD.total_seconds()


def read(asked: Asked) -> tuple[Told, ...]:
    """What the event says. A failure is the recipient's only where Mailgun says that it bounced."""
    event = table(table(parse(asked.body)).get("event-data"))
    name, address, number = event.get("event"), event.get("recipient"), words(event.get("id"))
    if name is None:
        raise UnreadableError("it has no event-data")
    if name == "complained":
        return told(number, What.COMPLAINT, address)
    reason = words(event.get("reason"))
    if name != "failed" or event.get("severity") != "permanent" or reason in _OURS:
        return ()
    if reason.startswith("suppress-"):
        return told(number, _SUPPRESSED[reason], address, fresh=False) if reason in _SUPPRESSED else ()
    status = table(event.get("delivery-status"))
    return told(number, What.BOUNCE, address, words(status.get("message") or status.get("description")))
