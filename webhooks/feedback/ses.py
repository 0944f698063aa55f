"""What SES tells, by way of SNS: notifications and published events, which have the same form.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailover.config.feedback import FeedbackSettings
from webhooks.feedback import sns
from webhooks.feedback.told import Asked, Fetch, Told, What, listing, parse, table, told, words

_KNOWN_BEFORE = frozenset({"Suppressed", "OnAccountSuppressionList"})


def genuine(settings: FeedbackSettings, asked: Asked, now: datetime, fetch: Fetch) -> bool:
    """Whether the topic of the config sent it."""
    return sns.genuine(table(parse(asked.body)), settings.topic or "", now, fetch)


def accept(settings: FeedbackSettings, asked: Asked, fetch: Fetch) -> None:
    """Say yes where the topic asks whether it may send here. Raises NotFetchedError when it cannot be told."""
    message, topic = table(parse(asked.body)), settings.topic or ""
    if message.get("Type") == sns.INVITATION:
        fetch(sns.host_of(topic), sns.invitation_path(topic, sns.words_whole(message.get("Token"))))


def read(asked: Asked) -> tuple[Told, ...]:
    """What a notification says; an invitation says nothing."""
    envelope = table(parse(asked.body))
    if envelope.get("Type") != "Notification":
        return ()
    said = table(parse(sns.words_whole(envelope.get("Message")) or "{}"))
    kind = said.get("notificationType") or said.get("eventType")
    if kind == "Bounce":
        return tuple(_bounces(table(said.get("bounce"))))
    return tuple(_complaints(table(said.get("complaint")))) if kind == "Complaint" else ()


def _bounces(bounce: Any) -> Iterator[Told]:
    if bounce.get("bounceType") != "Permanent":
        return
    event, fresh = words(bounce.get("feedbackId")), bounce.get("bounceSubType") not in _KNOWN_BEFORE
    for each in map(table, listing(bounce.get("bouncedRecipients"))):
        yield from told(event, What.BOUNCE, each.get("emailAddress"), words(each.get("diagnosticCode")), fresh=fresh)


def _complaints(complaint: Any) -> Iterator[Told]:
    """A recipient who says that it is no spam complains of nothing."""
    if complaint.get("complaintFeedbackType") == "not-spam":
        return
    event, fresh = words(complaint.get("feedbackId")), complaint.get("complaintSubType") not in _KNOWN_BEFORE
    for each in map(table, listing(complaint.get("complainedRecipients"))):
        yield from told(event, What.COMPLAINT, each.get("emailAddress"), fresh=fresh)
