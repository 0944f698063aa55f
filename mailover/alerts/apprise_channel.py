"""One more way to tell people, by apprise (an optional extra): mail, chat, push, whatever its addresses name.

apprise is imported when the first alert is sent, since it is large and few need it. Its addresses are secrets.
"""

import hashlib
import importlib.util
import logging

from mailover.alerts.messages import Message, message
from mailover.alerts.runbook import NOWHERE, Links, page
from mailover.alerts.transport import DeliveryError
from mailover.clock import Clock
from mailover.core.events import Event, Severity
from mailover.secrets import Secret

_SECONDS = 20
"""For everything that one alert takes; the outbox tries again."""
_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


def installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("apprise") is not None


def endpoint_name(url: Secret) -> str:
    """The outbox's name for this address: stable when the list is reordered, and telling nothing of it."""
    return f"apprise-{hashlib.sha256(url.reveal().encode()).hexdigest()[:12]}"


class AppriseChannel:
    """A transport to one address, so that a retry repeats nothing elsewhere."""

    def __init__(self, url: Secret, clock: Clock, *, links: Links = NOWHERE) -> None:
        """Nothing is sent or imported yet."""
        self._url = url
        self._clock = clock
        self._links = links
        self._scheme = url.reveal().partition("://")[0]

    def __call__(self, event: Event) -> None:
        """Tell one event. Raises DeliveryError, which names the address by its scheme only."""
        try:
            import apprise  # noqa: PLC0415 - half a second and 33 MB, for those who use it
        except ImportError:
            raise DeliveryError("apprise is not installed: pip install apprise", permanent=True) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses, which are secrets
        ways = apprise.Apprise()
        if not ways.add(self._url.reveal()):
            raise DeliveryError(f"apprise does not understand the {self._scheme} address", permanent=True)
        words = message(event, self._clock.now())
        kind = "success" if words.good else _KINDS[words.severity]
        sent = ways.notify(title=words.headline, body=_text(words, self._links), notify_type=kind, timeout=_SECONDS)
        if not sent:
            raise DeliveryError(f"apprise could not deliver by {self._scheme}")


def _text(words: Message, links: Links) -> str:
    facts = [f"{word}: {value}" for word, value in words.facts]
    where = page(words.about, links) if words.about is not None else None
    if where is not None:
        facts.append(f"what to do: {where}")
    if links.home is not None:
        facts.append(f"mailover: {links.home}")
    return "\n".join([words.because, "", *facts])
