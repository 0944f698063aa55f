"""The settings as the relay's delivery needs them: accounts at providers, patience, haste. Nothing is opened here."""

from collections.abc import Mapping

from mailover.config import Settings, credentials, endpoint
from mailover.config.delivery import DeliverySettings
from mailover.relay.delivery.accounts import Account, Haste, Patience


def accounts(settings: Settings) -> Mapping[str, Account]:
    """Every provider as the relay uses it."""
    return {
        name: Account(
            provider=name,
            endpoint=endpoint(account),
            credentials=credentials(account),
            connections=account.concurrency,
            rate=account.rate,
        )
        for name, account in settings.providers.items()
    }


def haste(delivery: DeliverySettings) -> Haste:
    """How soon a message moves on."""
    return Haste(move_on_after=delivery.move_on_after.total_seconds())


def patience(delivery: DeliverySettings) -> Patience:
    """How long a final dot is waited for."""
    return Patience(
        usual=delivery.dot_limit.total_seconds(), at_least_once=delivery.dot_limit_at_least_once.total_seconds()
    )
