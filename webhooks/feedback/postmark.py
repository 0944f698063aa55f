"""Postmark's webhooks: one record a request, not signed, so that only a shared secret tells who speaks.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from datetime import datetime

from mailover.config.feedback import FeedbackSettings
from webhooks.feedback.told import Asked, Fetch, Told, UnreadableError, What, parse, table, told, words

_GONE = frozenset({"HardBounce", "BadEmailAddress"})
_REASONS = {"HardBounce": What.BOUNCE, "SpamComplaint": What.COMPLAINT}


def genuine(_settings: FeedbackSettings, _asked: Asked, _now: datetime, _fetch: Fetch) -> bool:
    """The secret, which is looked at for every provider, is all there is."""
    return True


def read(asked: Asked) -> tuple[Told, ...]:
    """What a record says; most kinds say nothing that concerns us."""
    record = table(parse(asked.body))
    kind, event = record.get("RecordType"), words(record.get("ID") or record.get("MessageID"))
    said = words(record.get("Details") or record.get("Description"))
    if kind is None:
        raise UnreadableError("it has no RecordType")
    if kind == "SpamComplaint" or (kind == "Bounce" and record.get("Type") == "SpamComplaint"):
        return told(event, What.COMPLAINT, record.get("Email"), said)
    if kind == "Bounce" and record.get("Type") in _GONE:
        return told(event, What.BOUNCE, record.get("Email"), said)
    reason = _REASONS.get(words(record.get("SuppressionReason")))
    if kind == "SubscriptionChange" and record.get("SuppressSending") is True and reason is not None:
        return told(event, reason, record.get("Recipient"), fresh=False)
    return ()
