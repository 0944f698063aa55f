"""Test messages on their way: who waits for which nonce, what has arrived, and what arrived too late.

Mailboxes report here; the round trips wait here. How a mailbox learns of a message is each mailbox's own business.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent.probes.headers import Headers, headers_from
from agent.probes.marks import is_nonce
from mailover.smtp.replies import printable

_log = logging.getLogger("mailover.probes")

_MOST_LOST = 200
_MOST_LATE = 20
_LONGEST_FOLDER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A test message as it was found."""

    nonce: str
    folder: str
    headers: Headers
    at: datetime
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the mailbox knows of the delivery: return_path, source_address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Not found in time."""

    looked: bool
    """Whether the mailbox was really looked into; a webhook only waits to be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """The mailbox could not be looked into, so nothing is known of the message."""

    text: str


Found = Arrival | Missing | Unreadable


class Mailbox(Protocol):
    """Where test messages arrive. Its troubles are values: none of them is a provider's fault."""

    async def open(self) -> None:
        """Begin to work; raises OSError when it cannot."""

    async def find(self, nonce: str, *, within: float) -> Found:
        """Look for an expected message, for at most `within` seconds."""

    async def close(self) -> None:
        """Leave nothing running behind."""


class Fate(StrEnum):
    """What an arrival meant."""

    EXPECTED = "expected"
    LATE = "late"
    UNKNOWN = "unknown"


@dataclass(slots=True, kw_only=True)
class _Awaited:
    provider: str
    loop: asyncio.AbstractEventLoop
    event: asyncio.Event
    arrival: Arrival | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    provider: str
    sent_at: datetime


class Arrivals:
    """The board between mailboxes and round trips; `arrived` and `tell` may be called from any thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` stamps the arrivals."""
        self._now = now
        self._lock = threading.Lock()
        self._awaited: dict[str, _Awaited] = {}
        self._lost: OrderedDict[str, _Lost] = OrderedDict()
        self._late: dict[str, list[float]] = {}

    def expect(self, provider: str, nonce: str) -> None:
        """From now on somebody waits for this message; called before it is sent."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._awaited[nonce] = _Awaited(provider=provider, loop=loop, event=asyncio.Event())

    def forget(self, nonce: str) -> None:
        """Nobody waits any more: it was found, or never sent."""
        with self._lock:
            self._awaited.pop(nonce, None)

    def give_up(self, nonce: str, sent_at: datetime) -> None:
        """Nobody waits any more, but should it still come, it counts as late."""
        with self._lock:
            awaited = self._awaited.pop(nonce, None)
            if awaited is not None:
                self._lost[nonce] = _Lost(provider=awaited.provider, sent_at=sent_at)
            while len(self._lost) > _MOST_LOST:
                self._lost.popitem(last=False)

    def expects(self, nonce: str) -> bool:
        """Whether somebody waits for this message."""
        with self._lock:
            return nonce in self._awaited

    def arrived(
        self,
        nonce: str,
        *,
        folder: str,
        headers: Headers,
        provider: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> Fate:
        """A message was found. `provider` is whose it is said to be; a wrong one makes it unknown."""
        now = self._now()
        with self._lock:
            awaited = self._awaited.get(nonce)
            if awaited is not None and provider in {None, awaited.provider}:
                if awaited.arrival is None:
                    awaited.arrival = Arrival(nonce=nonce, folder=folder, headers=headers, at=now, facts=facts or {})
                    awaited.loop.call_soon_threadsafe(awaited.event.set)
                return Fate.EXPECTED
            lost = self._lost.get(nonce)
            if lost is None or provider not in {None, lost.provider}:
                return Fate.UNKNOWN
            del self._lost[nonce]
            seconds = max(0.0, (now - lost.sent_at).total_seconds())
            self._late[lost.provider] = [*self._late.get(lost.provider, []), round(seconds, 1)][-_MOST_LATE:]
        _log.warning("a test message through %s arrived late, after %.0f s, in %s", lost.provider, seconds, folder)
        return Fate.LATE

    def tell(self, provider: str, nonce: str, folder: str, headers: Mapping[str, str]) -> bool:
        """A workflow tool's word that a message was found, early or late; False for a nonce that nobody knows."""
        nonce = nonce.strip().lower()
        if not is_nonce(nonce):
            return False
        told = headers_from(headers)
        fate = self.arrived(nonce, provider=provider, folder=printable(folder, _LONGEST_FOLDER), headers=told)
        return fate is not Fate.UNKNOWN

    def take_late(self, provider: str) -> list[float]:
        """How many seconds late messages of this provider took, each told once."""
        with self._lock:
            return self._late.pop(provider, [])

    async def wait(self, nonce: str, *, within: float) -> Arrival | None:
        """The arrival of an expected message, None when it does not come within that many seconds."""
        with self._lock:
            awaited = self._awaited.get(nonce)
        if awaited is None:
            return None
        try:
            async with asyncio.timeout(within):
                await awaited.event.wait()
        except TimeoutError:
            with self._lock:
                return awaited.arrival
        return awaited.arrival
