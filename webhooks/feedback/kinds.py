"""The map from the config's word to what reads it: a new provider is one file and one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mailover.config.feedback import FeedbackKind, FeedbackSettings
from webhooks.feedback import mailgun, postmark, sendgrid, ses
from webhooks.feedback.told import Asked, Fetch, Told


def _nothing(_settings: FeedbackSettings, _asked: Asked, _fetch: Fetch) -> None:
    """Nobody has to be greeted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one provider's webhooks are taken."""

    genuine: Callable[[FeedbackSettings, Asked, datetime, Fetch], bool]
    """Whether the provider signed it. May raise UnreadableError and NotFetchedError."""
    read: Callable[[Asked], tuple[Told, ...]]
    """What it says. May raise UnreadableError."""
    accept: Callable[[FeedbackSettings, Asked, Fetch], None] = _nothing
    """Answer what wants an answer first. May raise NotFetchedError."""


KINDS: Mapping[FeedbackKind, Kind] = {
    FeedbackKind.POSTMARK: Kind(genuine=postmark.genuine, read=postmark.read),
    FeedbackKind.SENDGRID: Kind(genuine=sendgrid.genuine, read=sendgrid.read),
    FeedbackKind.MAILGUN: Kind(genuine=mailgun.genuine, read=mailgun.read),
    FeedbackKind.SES: Kind(genuine=ses.genuine, read=ses.read, accept=ses.accept),
}
