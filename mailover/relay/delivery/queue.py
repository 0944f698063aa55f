"""What delivery asks of the durable queue: one Protocol, for an event loop. Who writes it to disk is `writing`'s."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from mailover.core.mail import Leased, Settlement


class Queue(Protocol):
    """The queue of one relay; every call may raise StorageError."""

    async def lease(self, limit: int, most_bytes: int, without: Collection[str] = ()) -> tuple[Leased, ...]:
        """Take what may be tried now, in the order of the queue."""

    async def settle(self, settlement: Settlement) -> None:
        """Durable when it returns."""

    async def renew(self, ids: Collection[str]) -> frozenset[str]:
        """Hold them longer; those that are still ours."""

    async def release(self) -> None:
        """Give everything back untried."""

    async def hasten(self, providers: Collection[str]) -> int:
        """Make due what waits for one of these, or for any."""

    async def next_due(self) -> datetime | None:
        """When there is something to lease next; None when nothing waits."""
