"""Asking "is it me?": reference targets show whether anything out there answers at all.

Only a completed TCP handshake is an answer. A refusal is none, as for a provider: a firewall of our own that rejects
what goes out looks exactly the same, and a reference is chosen by the operator because it listens. What silence means
is `mailover.core`'s business.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mailover.core.observations import ReferenceSeen
from mailover.resolve import Resolver
from mailover.smtp.dial import NoneAnsweredError, dial

_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Something that listens, far from all providers."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable() or not 1 <= self.port <= _HIGHEST_PORT:
            raise ValueError(f"not a reference: {self.host!r}, {self.port}")

    @property
    def name(self) -> str:
        """host:port, as it was configured."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def ask(
    reference: Reference, *, resolver: Resolver, now: Callable[[], datetime], deadline: float = 5.0
) -> ReferenceSeen:
    """Whether the reference takes a connection within `deadline` seconds. Never raises for what the network does."""
    started_at = now()
    answered = False
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            answered = await _connects(reference, resolver)
    return ReferenceSeen(target=reference.name, answered=answered, started_at=started_at, at=now())


async def ask_all(
    references: Iterable[Reference], *, resolver: Resolver, now: Callable[[], datetime], deadline: float = 5.0
) -> tuple[ReferenceSeen, ...]:
    """All of them at once, each within the same deadline."""
    asking = [ask(each, resolver=resolver, now=now, deadline=deadline) for each in references]
    return tuple(await asyncio.gather(*asking))


async def _connects(reference: Reference, resolver: Resolver) -> bool:
    resolution = await resolver.resolve(reference.host)
    if not resolution.addresses:
        return False
    try:
        sock, _ = await dial(resolution.addresses, reference.port, [])
    except NoneAnsweredError as exc:
        # a reset, unlike a refusal, comes after the handshake
        return isinstance(exc.error, ConnectionResetError)
    sock.close()
    return True
