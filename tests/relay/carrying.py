"""A whole delivery for tests: a real queue on SQLite, its writer, the carrier, and stand-ins as providers."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from stand_in import StandIn

from mailover.clock import SystemClock
from mailover.core.carriage import StreamMail
from mailover.core.mail import Fate, Mail, Recipient, Suppression
from mailover.core.observations import Observation
from mailover.core.providers import Tls
from mailover.core.routing import Letter, Route
from mailover.relay.delivery.accounts import Account, Haste, Patience
from mailover.relay.delivery.attempt import Attempt
from mailover.relay.delivery.carrier import Carrier
from mailover.relay.delivery.means import Dress, Means
from mailover.relay.delivery.outcomes import Outcomes
from mailover.relay.delivery.pool import Pool
from mailover.relay.writing import QueueWriter
from mailover.resolve import Resolver
from mailover.smtp import Endpoint
from mailover.storage.mail import MailQueue
from mailover.storage.sql import open_store

CONTENT = b"From: app@example.com\r\nSubject: hello\r\n\r\nhello\r\n"
QUICK = Haste(move_on_after=0.25)
LEASE = timedelta(seconds=60)


class Delivery:
    """What runs, and what was seen of it."""

    def __init__(self, writer: QueueWriter, pools: dict[str, Pool], mail: StreamMail, clock: SystemClock) -> None:
        self.writer = writer
        self.queue: MailQueue = writer.queue
        self.pools = pools
        self.clock = clock
        self.heard: list[Observation] = []
        self.attempts: list[Attempt] = []
        self.hanging: list[str] = []
        self.expired: list[tuple[str, int]] = []
        self.remembered: list[Suppression] = []
        self.route: Callable[[Letter], Route] = lambda _: Route(providers=tuple(pools), because="as configured")
        self.terms = mail
        self.dress: Dress = lambda mail, _provider, content: (mail.sender, content)
        self.room: dict[str, int] = {}
        """How many recipients a provider may still be given; what it takes is counted here."""
        self.outcomes = Outcomes(self.heard.append, clock.now)
        self.carrier: Carrier
        self._numbers = itertools.count(1)

    def means(self, haste: Haste, patience: Patience) -> Means:
        return Means(
            pools=lambda: self.pools,
            route=self._route,
            room=self.room.get,
            dress=self._dressed,
            terms=lambda _: self.terms,
            now=self.clock.now,
            dice=lambda: 0.5,
            tell=self._tell,
            hang=self.hanging.append,
            expired=lambda stream, copies: self.expired.append((stream, copies)),
            suppressed=self.writer.suppressed,
            remember=self.remembered.extend,
            haste=haste,
            patience=patience,
        )

    async def _route(self, letter: Letter) -> Route:
        return self.route(letter)

    def _dressed(self, mail: Mail, provider: str, content: bytes) -> tuple[str, bytes]:
        return self.dress(mail, provider, content)

    def _tell(self, _mail: Mail, done: Attempt, addresses: Sequence[str]) -> None:
        self.attempts.append(done)
        self.outcomes.attempted(done, addresses)
        if done.provider in self.room:
            self.room[done.provider] -= sum(done.of(address) is None for address in addresses)

    def mail(self, *to: str, content: bytes = CONTENT, **fields: object) -> Mail:
        """One that has just been accepted."""
        given = Mail(
            id=f"msg_{next(self._numbers):06d}",
            stream="mail",
            sender="app@example.com",
            recipients=tuple(Recipient(address=each) for each in to or ("to@example.org",)),
            size=len(content),
            accepted_at=self.clock.now(),
            by="app",
            eight_bit=not content.isascii(),
        )
        return replace(given, **fields)  # type: ignore[arg-type]

    async def submit(self, *to: str, content: bytes = CONTENT, **fields: object) -> str:
        """As the door does it: kept, then handed over."""
        mail = self.mail(*to, content=content, **fields)
        kept = await self.writer.put(mail, content, mail.id)
        self.carrier.accept(mail, content)
        return kept

    async def send(self, *to: str, content: bytes = CONTENT, **fields: object) -> Mail:
        """Submit, and wait until it was tried."""
        kept = await self.submit(*to, content=content, **fields)
        return await self.tried(kept)

    async def tried(self, mail_id: str) -> Mail:
        """The mail once something has come of it."""
        await self.until(lambda: self.found(mail_id).attempts > 0 or not self.found(mail_id).pending)
        return self.found(mail_id)

    def found(self, mail_id: str) -> Mail:
        mail = self.queue.mail(mail_id)
        assert mail is not None
        return mail

    def fates(self, mail_id: str) -> list[Fate]:
        return [each.fate for each in self.found(mail_id).recipients]

    async def until(self, holds: Callable[[], bool], patience: float = 15.0) -> None:
        """Wait for something to come true."""
        ends_at = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < ends_at, "it never came true"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def delivering(
    directory: Path,
    *providers: StandIn,
    mail: StreamMail = StreamMail(),  # noqa: B008 - frozen
    haste: Haste = QUICK,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    lease: timedelta = LEASE,
    slots: int = 64,
    **account: object,
) -> AsyncIterator[Delivery]:
    """Running, and stopped gracefully at the end."""
    store = open_store(f"sqlite:///{directory / 'mailover.db'}")
    clock = SystemClock()
    writer = QueueWriter(store.mail, holder="relay-1", lease=lease, clock=clock)
    writer.start()
    resolver = Resolver()
    delivery = Delivery(
        writer, {each.name: Pool(account_of(each, **account), resolver) for each in providers}, mail, clock
    )
    delivery.carrier = Carrier(writer, delivery.means(haste, patience), lease=lease, slots=slots)
    running = asyncio.create_task(delivery.carrier.run())
    try:
        yield delivery
    finally:
        await delivery.carrier.stop(1.0)
        for pool in delivery.pools.values():
            await pool.close()
        await running
        await writer.stop()
        store.close()


def account_of(provider: StandIn, **account: object) -> Account:
    endpoint = Endpoint(host="127.0.0.1", port=provider.port, tls=Tls.NONE)
    return Account(provider=provider.name, endpoint=endpoint, **account)  # type: ignore[arg-type]
