"""Django's mail through the provider that mailover names. Beside it lies mailover_client.py.

settings.py:

    EMAIL_BACKEND = "mailover_backend.EmailBackend"
    MAILOVER = {
        "url": "http://127.0.0.1:8587",
        "token": os.environ.get("MAILOVER_TOKEN"),
        "accounts": {
            "postmark": {"host": "smtp.postmarkapp.com", "username": "...", "password": "..."},
            "ses": {"host": "email-smtp.eu-west-1.amazonaws.com", "username": "...", "password": "..."},
        },
    }
"""

from collections.abc import Sequence
from email.utils import parseaddr
from functools import cache
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from mailover_client import Account, Mailover, MailoverError


class EmailBackend(BaseEmailBackend):
    """Sends each message by itself; the process has one `Mailover`, whatever number of backends Django makes."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many were sent. Raises MailoverError, unless it was asked to fail silently."""
        sent = 0
        for each in email_messages:
            if not each.recipients():
                continue
            try:
                _mailover().send_message(each.message(), _bare(each.from_email), [*map(_bare, each.recipients())])
                sent += 1
            except MailoverError:
                if not self.fail_silently:
                    raise
        return sent


def _bare(address: str) -> str:
    """For the envelope: without the name, and with the domain as the DNS has it."""
    local, at, domain = parseaddr(address)[1].rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode()}"


@cache
def _mailover() -> Mailover:
    said: dict[str, Any] = dict(settings.MAILOVER)
    accounts = {name: Account(**account) for name, account in said.pop("accounts").items()}
    return Mailover(said.pop("url"), accounts, **said)
