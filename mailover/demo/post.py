"""Where the fake providers' mail ends: test messages go on to the agent's mailbox, all else is the customer's post."""

import itertools
import re
import smtplib
import threading
from collections import Counter

from mailover.demo.behaviour import Delivered
from mailover.demo.simple import MEMBER

_FORWARDING_SECONDS = 5.0
_NUMBER = re.compile(rb"^X-Number: (\d+)", re.MULTILINE)


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
        self._relayed: Counter[int] = Counter()
        self._through: Counter[str] = Counter()
        self._writing = threading.Lock()

    @property
    def relayed(self) -> int:
        """How many different messages of the relay's application arrived."""
        return len(self._relayed)

    @property
    def relayed_twice(self) -> int:
        """How many of them more than once."""
        return self._relayed.total() - len(self._relayed)

    @property
    def through(self) -> dict[str, int]:
        """Through which provider they came."""
        with self._writing:
            return dict(self._through)

    def __call__(self, message: Delivered) -> None:
        """Deliver one message; runs in its provider's thread."""
        if MEMBER in message.recipients:
            self._note(message)
            return
        if self._probe_address not in message.recipients:
            self.arrived = next(self._counting)
            return
        name = f"{message.provider}.test"
        with smtplib.SMTP(self._host, self._port, local_hostname=name, timeout=_FORWARDING_SECONDS) as mta:
            mta.sendmail(message.sender, [self._probe_address], message.content)

    def _note(self, message: Delivered) -> None:
        found = _NUMBER.search(message.content)
        with self._writing:
            self._through[message.provider] += 1
            if found is not None:
                self._relayed[int(found[1])] += 1
