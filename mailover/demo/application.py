"""An application as it should be: it asks for the flag before each message, and tries the fallbacks in order.

It knows nothing of the agent but the API's address, and its own accounts at the providers.
"""

import smtplib
import ssl
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import requests

from mailover.demo.provider import Provider

CUSTOMER = "customer@example.com"

_PATIENCE = 2.0
"""Seconds for the flag, and for each step of the dialogue with a provider."""
_MESSAGE = b"From: shop@example.com\r\nSubject: Your order %d\r\n\r\nThank you.\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of its messages so far."""

    sent: Mapping[str, int] = field(default_factory=dict)
    """Accepted, by provider."""
    detours: int = 0
    """Of those, how many a fallback took before the flag had moved."""
    stuck: int = 0
    """Accepted by nobody."""

    @property
    def total(self) -> int:
        """How many were accepted."""
        return sum(self.sent.values())


class Application:
    """Sends a message again and again, from a thread of its own."""

    def __init__(
        self, url: str, providers: Mapping[str, Provider], trusted: ssl.SSLContext, *, every: float = 1.0
    ) -> None:
        """`providers` are its accounts, `trusted` the authorities it believes, `every` the seconds between messages."""
        self._every = every
        self._url = f"{url}/v1/active-provider"
        self._providers = providers
        self._trusted = trusted
        self._session = requests.Session()
        self._session.trust_env = False
        self._order: list[str] = list(providers)
        self._sent: Counter[str] = Counter()
        self._detours = 0
        self._stuck = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-application", daemon=True)

    @property
    def tally(self) -> Tally:
        """Up to now."""
        return Tally(sent=dict(self._sent), detours=self._detours, stuck=self._stuck)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; returns when the message under way has had its chance."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * _PATIENCE)
        self._session.close()

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self._order = self._ask() or self._order  # the last good answer, when the agent cannot be reached
            self._send(self._order)

    def _ask(self) -> list[str]:
        """The active provider and its fallbacks; nothing when there is no answer."""
        try:
            flag = self._session.get(self._url, timeout=_PATIENCE).json()
        except (requests.RequestException, ValueError):
            return []
        return [name for name in (flag.get("provider"), *flag.get("fallbacks", ())) if name in self._providers]

    def _send(self, order: Iterable[str]) -> None:
        for place, name in enumerate(order):
            if self._stopping.is_set():
                return
            if self._takes(self._providers[name]):
                self._sent[name] += 1
                self._detours += place > 0
                return
        self._stuck += 1

    def _takes(self, provider: Provider) -> bool:
        """Whether the provider accepted one message."""
        message = _MESSAGE % (sum(self._sent.values()) + 1)
        try:
            with smtplib.SMTP(provider.host, provider.port, local_hostname="shop.test", timeout=_PATIENCE) as client:
                client.starttls(context=self._trusted)
                client.login(provider.username, provider.password)
                client.sendmail("shop@example.com", [CUSTOMER], message)
        except (OSError, smtplib.SMTPException):
            return False
        return True
