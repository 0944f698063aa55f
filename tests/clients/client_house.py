"""What the tests of the client recipes share: a running mailover as they see it, an inbox, a letter, accounts."""

import sys
import threading
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import requests

from mailover.bootstrap import House
from mailover.core.fleet import Flag
from mailover.demo.authority import shared_authority
from mailover.demo.behaviour import Delivered
from mailover.demo.provider import Provider

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"

sys.path.insert(0, str(CLIENTS / "python"))

from mailover_client import Account  # noqa: E402 - lies beside the page that shows it


class Inbox:
    """Everything that the providers delivered."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self.mail: list[Delivered] = []

    def __call__(self, message: Delivered) -> None:
        with self._arrived:
            self.mail.append(message)
            self._arrived.notify_all()

    @property
    def ways(self) -> list[str]:
        """Through which provider each message came."""
        return [each.provider for each in self.mail]


class Running:
    """A mailover in this process; its API is reached over HTTP as anybody's."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = house.api.url

    @property
    def flag(self) -> Flag:
        snapshot = self.house.service.snapshot
        return snapshot.flags[snapshot.default_stream].flag

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON that the API answers."""
        answer = requests.get(self.url + path, params=parameters, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def reports(self) -> list[dict[str, Any]]:
        """What it was told of real sends, the oldest first."""
        items: list[dict[str, Any]] = self.get("/v1/observations", kind="report")["items"]
        return items


def letter(subject: str = "Your order") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "shop@example.com"
    message["To"] = "customer@example.com"
    message["Subject"] = subject
    message.set_content("Thank you.\n.\nA dot began this line: .\n")
    return message


def accounts_at(providers: Mapping[str, Provider]) -> dict[str, Account]:
    """The accounts at the fake providers, as the Python recipes know them."""
    trusted = shared_authority().client_context()
    return {
        name: Account(host=each.host, port=each.port, username=each.username, password=each.password, context=trusted)
        for name, each in providers.items()
    }
