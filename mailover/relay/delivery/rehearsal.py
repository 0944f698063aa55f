"""Test mode: a message's headers in the log instead of at a provider, loudly, and never its body."""

import logging

from mailover.core.mail import Mail
from mailover.core.sentences import veiled

_log = logging.getLogger("mailover.relay")

_MOST = 8 * 1024


def log_headers(mail: Mail, content: bytes, because: str) -> None:
    """One warning for each message. Of addresses only the first letter and the domain are told."""
    headers = content.partition(b"\r\n\r\n")[0][:_MOST].decode("utf-8", "backslashreplace")
    shown = " | ".join(line.strip() for line in veiled(headers).splitlines() if line.strip())
    recipients = len(mail.recipients)
    _log.warning(
        "TEST MODE (%s): %s of %s for %d recipients was NOT SENT, these are its headers: %s",
        because,
        mail.id,
        mail.stream,
        recipients,
        "".join(letter if letter.isprintable() else "?" for letter in shown),
    )
