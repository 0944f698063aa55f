"""Where the fake providers' mail ends: test messages go on to the agent's mailbox, all else is the customer's post."""

import itertools
import smtplib

from mailover.demo.behaviour import Delivered

_FORWARDING_SECONDS = 5.0


class Post:
    """A sink for any number of providers."""

    def __init__(self, *, probe_address: str, host: str, port: int) -> None:
        """Mail for `probe_address` is handed on to the SMTP server there."""
        self._probe_address = probe_address
        self._host = host
        self._port = port
        self._counting = itertools.count(1)
        self.arrived = 0
        """How many messages for anybody else arrived."""

    def __call__(self, message: Delivered) -> None:
        """Deliver one message; runs in its provider's thread."""
        if self._probe_address not in message.recipients:
            self.arrived = next(self._counting)
            return
        name = f"{message.provider}.test"
        with smtplib.SMTP(self._host, self._port, local_hostname=name, timeout=_FORWARDING_SECONDS) as mta:
            mta.sendmail(message.sender, [self._probe_address], message.content)
