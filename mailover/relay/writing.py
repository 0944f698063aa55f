"""The queue's async face: what concurrent sessions wish is grouped into one transaction each turn, by one thread.

A transaction that was begun is never cancelled. No rule of delivering and no SQL is here.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from mailover.clock import Clock
from mailover.core.mail import Leased, Mail, Settlement, Suppression
from mailover.errors import StorageError
from mailover.relay.wishes import Ask, Lease, Put, Settle, Use, Wish, summed
from mailover.storage.mail import MailQueue

_log = logging.getLogger("mailover.relay")
_T = TypeVar("_T")

_MOST_WAITING = 64 * 1024 * 1024
"""Bytes of contents that wait to be written; whoever brings more waits first."""
_MOST_AT_ONCE = 500
_MOST_BYTES_AT_ONCE = 8 * 1024 * 1024
"""Of one transaction: a long one keeps the agent from writing."""
_HOPELESS = 3
"""Wishes that fail alone, one after the other, before it is the store that fails and not they."""
_PAUSE = 1.0
"""Seconds between tries to write what is owed."""
_HASTEN_STEP = 500


_Outcome = tuple[Wish, Any, Exception | None]
"""A wish with its result, or its error."""


class QueueWriter:
    """Used from one event loop. Every method may raise StorageError."""

    def __init__(
        self, queue: MailQueue, *, holder: str, lease: timedelta, clock: Clock, most_waiting: int = _MOST_WAITING
    ) -> None:
        """Nothing runs before `start`. `holder` names this relay, anew at each start; `lease` is how long it holds."""
        self.queue = queue
        self.holder = holder
        self._lease = lease
        self._clock = clock
        self._most_waiting = most_waiting
        self._wishes: SimpleQueue[Wish | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0
        self._at_the_door: deque[asyncio.Future[None]] = deque()
        self._owed: list[Settle | Use] = []
        """What was sent and could not be written; the writer thread's own."""

    def start(self) -> None:
        """Begin to write; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="mailover-queue", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what was wished, give back what is held, and end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wishes.put(None)
            await asyncio.to_thread(thread.join)

    # -- grouped --------------------------------------------------------------------------------------------------

    async def put(self, mail: Mail, content: bytes, digest: str) -> str:
        """Keep a mail, leased to this relay; durable when this returns the id under which it is kept.

        An id other than the mail's is that of an earlier mail with this digest, which is looked after already. Where
        the caller goes away before that, the mail is kept all the same, and given back to be leased.
        """
        await self._room(len(content))
        kept: str = await self._wish(lambda answer: Put(answer=answer, mail=mail, content=content, digest=digest))
        return kept

    async def settle(self, settlement: Settlement) -> None:
        """Write what became of a mail. After a StorageError it is owed, and written first once it can be."""
        await self._wish(lambda answer: Settle(answer=answer, settlement=settlement))

    async def use(self, day: date, counts: Mapping[str, int]) -> None:
        """Add to what providers took on that day; owed as a settlement is."""
        await self._wish(lambda answer: Use(answer=answer, day=day, counts=counts))

    # -- each by itself -------------------------------------------------------------------------------------------

    async def lease(self, *, limit: int, most_bytes: int, without: Collection[str] = ()) -> tuple[Leased, ...]:
        """Take what may be tried now."""

        def take() -> tuple[Leased, ...]:
            now = self._clock.now()
            until = now + self._lease
            return self.queue.lease(
                holder=self.holder, now=now, until=until, limit=limit, most_bytes=most_bytes, without=without
            )

        leased: tuple[Leased, ...] = await self._wish(lambda answer: Lease(answer=answer, act=take))
        return leased

    async def renew(self, ids: Collection[str]) -> frozenset[str]:
        """Hold these for another lease; those that are still held."""
        return await self.ask(lambda: self.queue.renew(ids, holder=self.holder, until=self._clock.now() + self._lease))

    async def release(self) -> None:
        """Give back whatever is held."""
        await self.ask(lambda: self.queue.release(holder=self.holder))

    async def next_due(self, without: Collection[str] = ()) -> datetime | None:
        """When there is something to lease."""
        return await self.ask(lambda: self.queue.next_due(self._clock.now(), without))

    async def hasten(self, providers: Collection[str]) -> int:
        """Make due whatever waits for one of these, or for any; in steps, between which others have their turn."""
        total = 0
        while True:
            some = await self.ask(lambda: self.queue.hasten(providers, self._clock.now(), _HASTEN_STEP))
            total += some
            if some < _HASTEN_STEP:
                return total

    async def suppressed(self, addresses: Collection[str]) -> Mapping[str, Suppression]:
        """Those among these addresses that get no mail."""
        return await self.ask(lambda: self.queue.suppressed(addresses))

    async def ask(self, act: Callable[[], _T]) -> _T:
        """The result of anything else that the queue does, in the writer's thread."""
        found: _T = await self._wish(lambda answer: Ask(answer=answer, act=act))
        return found

    # -- in the event loop ----------------------------------------------------------------------------------------

    async def _wish(self, made: "Callable[[asyncio.Future[Any]], Wish]") -> Any:
        loop = self._open()
        answer: asyncio.Future[Any] = loop.create_future()
        self._wishes.put(made(answer))
        return await answer

    async def _room(self, size: int) -> None:
        """Wait until what waits to be written leaves room."""
        while self._waiting >= self._most_waiting:
            turn: asyncio.Future[None] = self._open().create_future()
            self._at_the_door.append(turn)
            await turn
        self._open()
        self._waiting += size

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._thread is None or self._loop is None:
            raise StorageError("the queue is not open")
        return self._loop

    def _answer(self, outcomes: Sequence[_Outcome]) -> None:
        for wish, result, error in outcomes:
            if isinstance(wish, Put):
                self._waiting -= len(wish.content)
            if wish.answer.done():
                self._give_back(wish, result)
            elif error is not None:
                wish.answer.set_exception(error)
            else:
                wish.answer.set_result(result)
        at_the_door, self._at_the_door = self._at_the_door, deque()
        for turn in at_the_door:
            if not turn.done():
                turn.set_result(None)

    def _give_back(self, wish: Wish, result: Any) -> None:
        """Nobody waits for it any more: what is held because of it is free again."""
        ids: list[str] = []
        if isinstance(wish, Put) and result == wish.mail.id:
            ids = [wish.mail.id]
        elif isinstance(wish, Lease) and result is not None:
            ids = [each.mail.id for each in result]
        for mail_id in ids:
            untried, answer = Settlement(mail=mail_id, counted=False), asyncio.get_running_loop().create_future()
            self._wishes.put(Settle(answer=answer, settlement=untried))

    # -- in the writer's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            wishes, goes_on = self._take()
            self._pay()
            outcomes = self._write([wish for wish in wishes if not isinstance(wish, Ask)])
            outcomes += [_asked(wish) for wish in wishes if isinstance(wish, Ask)]
            self._tell(outcomes)
        try:
            self.queue.release(holder=self.holder)
        except StorageError as error:
            _log.warning("what this relay holds could not be given back, its lease has to end: %s", error)
        if self._owed:
            _log.critical("what became of %d mails could not be written: they may be sent again", len(self._owed))

    def _take(self) -> tuple[list[Wish], bool]:
        """Everything that was wished by now, in order, as far as it fits; and whether more will come."""
        taken: list[Wish] = []
        size = 0
        try:
            wish = self._wishes.get(timeout=_PAUSE if self._owed else None)
            while wish is not None:
                taken.append(wish)
                size += len(wish.content) if isinstance(wish, Put) else 0
                if len(taken) >= _MOST_AT_ONCE or size >= _MOST_BYTES_AT_ONCE:
                    return taken, True
                wish = self._wishes.get_nowait()
        except Empty:
            return taken, True
        return taken, False

    def _pay(self) -> None:
        """Write what is owed, before anything else."""
        owed, self._owed = self._owed, []
        self._write(owed)

    def _write(self, wishes: Sequence[Wish]) -> list[_Outcome]:
        """All in one transaction; where that fails, each mail alone, so that a bad one takes nobody with it.

        What was sent comes first: it frees room, and to lose it would be to send twice.
        """
        if not wishes:
            return []
        try:
            return self._commit(wishes)
        except StorageError as error:
            if len(wishes) == 1:
                return self._failed(wishes, error)
        sent = [wish for wish in wishes if not isinstance(wish, Put)]
        new = [wish for wish in wishes if isinstance(wish, Put)]
        return (self._write(sent) if new else self._write_apart(sent)) + self._write_apart(new)

    def _write_apart(self, wishes: Sequence[Wish]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        failures = 0
        error: StorageError | None = None
        for wish in wishes:
            if error is not None and failures >= _HOPELESS:
                outcomes += self._failed([wish], error)
                continue
            try:
                outcomes += self._commit([wish])
                failures = 0
            except StorageError as met:
                outcomes += self._failed([wish], met)
                error, failures = met, failures + 1
        return outcomes

    def _failed(self, wishes: Sequence[Wish], error: StorageError) -> list[_Outcome]:
        self._owed += [wish for wish in wishes if isinstance(wish, Settle | Use)]
        return [(wish, None, error) for wish in wishes]

    def _commit(self, wishes: Sequence[Wish]) -> list[_Outcome]:
        now = self._clock.now()
        puts = [wish for wish in wishes if isinstance(wish, Put)]
        try:
            ids = self.queue.commit(
                puts=[(wish.mail, wish.content, wish.digest) for wish in puts],
                settlements=[wish.settlement for wish in wishes if isinstance(wish, Settle)],
                uses=summed(wish for wish in wishes if isinstance(wish, Use)),
                holder=self.holder,
                now=now,
                until=now + self._lease,
            )
        except StorageError:
            raise
        except Exception as error:  # whatever it was, the thread lives on
            raise StorageError(f"the queue could not be written: {type(error).__name__}: {error}") from error
        kept = iter(ids)
        return [(wish, next(kept) if isinstance(wish, Put) else None, None) for wish in wishes]

    def _tell(self, outcomes: Sequence[_Outcome]) -> None:
        if outcomes and self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._answer, outcomes)


def _asked(wish: Ask) -> _Outcome:
    try:
        return wish, wish.act(), None
    except Exception as error:  # noqa: BLE001 - it is whose wish it was who knows what may be raised
        return wish, None, error
