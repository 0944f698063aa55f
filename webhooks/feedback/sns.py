"""Amazon SNS, which carries what SES tells: its envelope, its signature, and the answer to its invitation.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. No address that stands in a message is
ever asked: the host is made from the topic in the config, and a certificate's path has one form.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from webhooks.feedback.told import Fetch, words

INVITATION = "SubscriptionConfirmation"
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    INVITATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_VERSIONS = frozenset({"1", "2"})
"""Of signatures; anything else is not worth fetching a certificate for."""


def host_of(topic: str) -> str:
    """Where this topic's SNS is."""
    _, partition, _, region, *_ = topic.split(":")
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


def invitation_path(topic: str, token: str) -> str:
    """What says yes to an invitation."""
    arn = quote(topic, safe="")
    return f"/?Action=ConfirmSubscription&TopicArn={arn}&Token={quote(token, safe='')}&Version=2010-03-31"


def certificate_path(message: Mapping[str, Any], topic: str) -> str | None:
    """Where the certificate is at the topic's own host; None when the message would have us look elsewhere."""
    try:
        parts = urlsplit(words(message.get("SigningCertURL")))
    except ValueError:
        return None
    told = (parts.scheme, parts.netloc, parts.query, parts.fragment)
    right = told == ("https", host_of(topic), "", "") and _CERTIFICATE.fullmatch(parts.path)
    return parts.path if right else None


def genuine(message: Mapping[str, Any], topic: str, now: datetime, fetch: Fetch) -> bool:
    """Whether SNS signed it for this topic. Raises NotFetchedError when its certificate cannot be had now."""
    from webhooks.feedback.signatures import by_certificate  # noqa: PLC0415 - 8 MB that a house without SES need not hold

    kind, version = words(message.get("Type")), words(message.get("SignatureVersion"))
    path = certificate_path(message, topic)
    if message.get("TopicArn") != topic or version not in _VERSIONS or path is None or kind not in _SIGNED:
        return False
    signature = words_whole(message.get("Signature"))
    return by_certificate(fetch(host_of(topic), path), signature, _canonical(message, kind), version=version, now=now)


def words_whole(value: object) -> str:
    """A text as it is, empty for what is none."""
    return value if isinstance(value, str) else ""


def _canonical(message: Mapping[str, Any], kind: str) -> bytes:
    """What is signed: each field's name and value on a line of its own; a subject that is missing is left out."""
    lines = (f"{name}\n{words_whole(message[name])}\n" for name in _SIGNED[kind] if message.get(name) is not None)
    return "".join(lines).encode("utf-8", "surrogatepass")
