"""Takes one request of a provider: believes it or not, remembers the addresses, and tells the core how many there were.

Knows no framework. Addresses go to the list of suppressions and nowhere else.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from mailover.config.feedback import FeedbackSettings
from mailover.core.mail import Suppression
from mailover.core.observations import FeedbackSeen
from mailover.errors import UnavailableError
from mailover.fetching import NotFetchedError
from mailover.service import Service
from webhooks.feedback.kinds import KINDS
from webhooks.feedback.remembering import Remembering
from webhooks.feedback.told import Asked, Fetch, Told, What, same

_log = logging.getLogger("mailover.webhooks")


class NotBelievedError(Exception):
    """Nobody proved to be that provider."""


class FeedbackInlet:
    """Thread-safe."""

    def __init__(self, service: Service, settings: Callable[[], Mapping[str, FeedbackSettings]], fetch: Fetch) -> None:
        """`settings` says, by provider, who may speak at this moment."""
        self._service = service
        self._settings = settings
        self._fetch = fetch
        self._certificate = Remembering(fetch)

    def take(self, provider: str, asked: Asked) -> int:
        """How many recipients were new in it.

        Raises NotBelievedError, UnreadableError, and UnavailableError or StorageError when it has to come again.
        """
        settings = self._settings().get(provider)
        if settings is None or not self._believed(settings, asked):
            raise NotBelievedError
        kind = KINDS[settings.kind]
        try:
            kind.accept(settings, asked, self._fetch)
        except NotFetchedError as error:
            raise UnavailableError(f"the subscription could not be confirmed: {error}") from error
        told = {f"{provider}/{each.event}": each for each in kind.read(asked)}
        return self._learn(provider, told) if told else 0

    def _believed(self, settings: FeedbackSettings, asked: Asked) -> bool:
        if settings.secret is not None and not same(settings.secret, asked.shown):
            return False
        try:
            return KINDS[settings.kind].genuine(settings, asked, self._service.clock.wall(), self._certificate)
        except NotFetchedError as error:
            raise UnavailableError(f"the signature could not be verified: {error}") from error

    def _learn(self, provider: str, told: Mapping[str, Told]) -> int:
        now = self._service.clock.now()
        suppressions = {
            event: Suppression(address=each.address, reason=str(each.what), provider=provider, text=each.text, at=now)
            for event, each in told.items()
        }
        news = [told[event] for event in self._service.store.mail.learn(suppressions, now)]
        counts = Counter(each.what for each in news if each.fresh)
        if news:
            _log.info("%s tells of %d bounces and %d complaints", provider, counts[What.BOUNCE], counts[What.COMPLAINT])
        if counts:
            self._service.hear(
                FeedbackSeen(provider=provider, bounces=counts[What.BOUNCE], complaints=counts[What.COMPLAINT], at=now)
            )
        return len(news)
