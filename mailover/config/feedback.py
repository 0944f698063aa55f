"""The table about what a provider tells of sent mail: bounces and complaints, and how it proves that it is the one.

Shape only; nothing connects here.
"""

import base64
import binascii
import re
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationInfo, field_validator

from mailover.config.fields import HiddenText, Table
from mailover.secrets import Secret

_Value = TypeVar("_Value")

_TOPIC = re.compile(r"arn:aws(-cn|-us-gov)?:sns:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


class FeedbackKind(StrEnum):
    """Whose webhooks these are."""

    POSTMARK = "postmark"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    SES = "ses"


class FeedbackSettings(Table):
    """Bounces and complaints that the provider posts to `/v1/feedback/<provider>`."""

    kind: FeedbackKind
    """Whose webhooks these are."""
    secret: HiddenText | None = None
    """What the provider must show, as the password of its Basic auth or as `?secret=`; Postmark has nothing else."""
    secret_file: Path | None = None
    """File that holds the secret."""
    signing_key: HiddenText | None = None
    """Mailgun's HTTP webhook signing key."""
    signing_key_file: Path | None = None
    """File that holds the signing key."""
    public_key: str | None = None
    """SendGrid's verification key of the signed event webhook."""
    topic: str | None = None
    """The ARN of the SNS topic that SES publishes to."""

    @field_validator("secret")
    @classmethod
    def _postmark_shows_one(cls, secret: Secret | None, info: ValidationInfo) -> Secret | None:
        return _needed(secret, info, FeedbackKind.POSTMARK, "make one up and add it to the webhook's address")

    @field_validator("signing_key")
    @classmethod
    def _mailgun_signs(cls, key: Secret | None, info: ValidationInfo) -> Secret | None:
        return _needed(key, info, FeedbackKind.MAILGUN, "it is on Mailgun's page of webhooks")

    @field_validator("public_key")
    @classmethod
    def _sendgrid_signs(cls, key: str | None, info: ValidationInfo) -> str | None:
        if key is not None and not _is_der(key):
            raise ValueError("must be the base64 text that SendGrid shows as verification key")
        return _needed(key, info, FeedbackKind.SENDGRID, "switch on the signed event webhook to get one")

    @field_validator("topic")
    @classmethod
    def _ses_publishes(cls, topic: str | None, info: ValidationInfo) -> str | None:
        if topic is not None and not _TOPIC.fullmatch(topic):
            raise ValueError('must be the ARN of an SNS topic, such as "arn:aws:sns:eu-west-1:123456789012:bounces"')
        return _needed(topic, info, FeedbackKind.SES, "others' topics must not be believed")


def _needed(value: _Value | None, info: ValidationInfo, kind: FeedbackKind, why: str) -> _Value | None:
    if value is None and info.data.get("kind") is kind:
        raise ValueError(f'is missing; kind = "{kind}" needs it: {why}')
    return value


def _is_der(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True)[:1] == b"0"  # a DER sequence
    except (binascii.Error, ValueError):
        return False
