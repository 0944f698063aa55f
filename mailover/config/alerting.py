"""The table that says what people are warned of, how often, and by which ways besides Slack and webhooks.

Shape only; nothing connects here.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from mailover.config.fields import HiddenText, PositiveSpan, Span, Table, WebAddress
from mailover.secrets import Secret

_APPRISE = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_MAIL_APIS = {
    "brevo": ("brevo.com", "sendinblue.com"),
    "mailgun": ("mailgun.org", "mailgun.net"),
    "resend": ("resend.com",),
    "sendgrid": ("sendgrid.net", "sendgrid.com"),
    "ses": ("amazonaws.com",),
    "smtp2go": ("smtp2go.com",),
    "sparkpost": ("sparkpostmail.com", "sparkpost.com"),
}
"""Ways of apprise that are a mail provider's own, and where that provider is."""


def _urls(value: object) -> object:
    """A list of addresses, or a text (as a secret's file has it) with one on each line."""
    text = value.reveal() if isinstance(value, Secret) else value
    return tuple(text.split()) if isinstance(text, str) else value


def _apprise(urls: tuple[Secret, ...]) -> tuple[Secret, ...]:
    if not all(_APPRISE.fullmatch(url.reveal()) for url in urls):
        raise ValueError('must be addresses as apprise knows them, such as "ntfy://topic" or "tgram://token/chat"')
    return urls


def _certificate_days(days: tuple[int, ...]) -> tuple[int, ...]:
    if any(not 0 < day <= 365 for day in days):  # noqa: PLR2004 - certificates live a year at most
        raise ValueError("must be days between 1 and 365")
    return tuple(sorted(set(days), reverse=True))


def _web_address(secret: Secret) -> Secret:
    if not re.fullmatch(r"https?://[^\s/@?#]+([/?]\S*)?", secret.reveal()):
        raise ValueError('must be a web address that starts with "https://" or "http://"')
    return secret


AppriseUrls = Annotated[tuple[HiddenText, ...], BeforeValidator(_urls), AfterValidator(_apprise)]


class AlertsSettings(Table):
    """What people are warned of; it moves neither a breaker nor a flag."""

    failure_rate: float = Field(default=0.05, gt=0, le=1)
    """The failed share of a provider's probes and reported sends above which it is degraded."""
    latency: PositiveSpan = timedelta(seconds=3)
    """The average time of a provider's answers above which it is degraded."""
    window: PositiveSpan = timedelta(minutes=15)
    """The time over which both are taken."""
    minimum: int = Field(default=20, ge=1, le=100_000)
    """Attempts within it before they speak."""
    complaint_rate: float = Field(default=0.003, gt=0, le=1)
    """Complaints among a day's recipients above which a provider's account is in danger."""
    bounce_rate: float = Field(default=0.05, gt=0, le=1)
    """Bounces among a day's recipients above which it is."""
    certificate_days: Annotated[tuple[int, ...], AfterValidator(_certificate_days)] = (14, 7, 1)
    """Days before a certificate's end at which to warn; the last is critical."""
    untried_after: PositiveSpan = timedelta(hours=24)
    """A spare that nobody logged in to for so long deserves a warning."""
    failovers_a_day: int = Field(default=5, ge=1, le=200)
    """Failovers of a stream within a day; more are excessive."""
    remind_every: Span = timedelta(minutes=30)
    """Between reminders of critical incidents that nobody acknowledged; "0s" means none."""
    queue_depth: int = Field(default=1000, ge=1)
    """Mails of one stream that may wait in the relay; more for a minute are a queue that grows."""
    queue_age: PositiveSpan = timedelta(minutes=5)
    """How long a mail may wait there within its sending hours."""
    posts_an_hour: int = Field(default=30, ge=1, le=3600)
    """Messages in the Slack channel before the rest of the hour is gathered in one thread."""
    runbook_url: WebAddress | None = None
    """Where your people read docs/woken.md; each alert then links to its section."""
    apprise_urls: AppriseUrls = ()
    """More ways to tell people, by apprise (the extra "apprise"); each is a secret."""
    apprise_urls_file: Path | None = None
    """File that holds them, one on each line."""
    dead_man_url: Annotated[HiddenText, AfterValidator(_web_address)] | None = None
    """Pinged each minute while mailover decides, with /fail appended while a stream has no provider."""
    dead_man_url_file: Path | None = None
    """File that holds that address."""


def provider_hosts(url: str) -> frozenset[str]:
    """The hosts of mail providers that this apprise address sends through; empty when it sends no mail."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    except ValueError:  # apprise will say what is wrong with it
        return frozenset()
    if scheme in {"mailto", "mailtos"}:
        named = {key.lower(): values for key, values in parse_qs(parts.query).items()}
        return frozenset(name.lower() for name in (host, *named.get("smtp", ())) if name)
    return frozenset(_MAIL_APIS.get(scheme, ()))
