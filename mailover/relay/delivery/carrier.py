"""Runs the deliveries of one relay: takes mail from the door and from the queue, carries it, and settles it.

One event loop. Which mail is next is `backlog`'s, what becomes of one mail `round`'s; neither is decided here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import timedelta

from mailover.core import retry
from mailover.core.letters import ANY
from mailover.core.mail import Leased, Mail, Settlement
from mailover.errors import StorageError
from mailover.relay.delivery.backlog import Backlog
from mailover.relay.delivery.leases import Leases
from mailover.relay.delivery.means import Means
from mailover.relay.delivery.round import DEFECT, Round
from mailover.relay.writing import QueueWriter

_log = logging.getLogger("mailover.relay")

_SLOTS = 64
_MOST_BYTES = 64 * 1024 * 1024
_MOST = 2000
_LEASE_AT_ONCE = 200
_FOR_THE_DOOR = 0.75
"""Part of the memory that leased mail may fill; the rest is for what is being handed over."""
_LONGEST_LOOK = 5.0
"""Seconds until the queue is looked at again, whatever it said: another relay may have left something."""
_AGAIN = 1.0
_FRUITLESS = 0.25
"""Seconds until the next mail of a stream is tried of whose providers none works."""
_RENEWALS = 3
"""In the life of a lease."""


class Carrier:
    """Everything under way. `run` until `stop`."""

    def __init__(
        self,
        queue: QueueWriter,
        means: Means,
        *,
        lease: timedelta,
        slots: int = _SLOTS,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """`lease` is how long the queue leaves a mail to us without a renewal."""
        self._queue = queue
        self._means = means
        self._paused: Collection[str] = ()
        self._more = False
        """Whether the queue had something when it was last asked."""
        self._backlog = Backlog(most_bytes=most_bytes, most=_MOST, slots=slots)
        self._leases = Leases(lease.total_seconds())
        self._tasks: set[asyncio.Task[None]] = set()
        self._poked = asyncio.Event()
        self._ending = asyncio.Event()
        self._stopping = False
        self._cut = False
        self._hastened_at: dict[str, float] = {}
        """When it was last known of a provider that mail need not wait for it any more."""
        self._timer: asyncio.TimerHandle | None = None

    # -- what comes in ------------------------------------------------------------------------------------------------

    def accept(self, mail: Mail, content: bytes) -> None:
        """A mail that was kept a moment ago, and leased to us. It is carried at once, without being read back."""
        since = max(0.0, (self._means.now() - mail.accepted_at).total_seconds())  # its lease is no older than that
        self._leases.hold(mail.id, time.monotonic() - since)
        most, most_bytes = self._backlog.room()
        leased = Leased(mail=mail, content=content)
        if self._stopping or mail.stream in self._paused or not most or mail.size > most_bytes:
            self._begin(self._give_back(leased))
            return
        self._backlog.add(leased)
        self._pump()

    def use(self, means: Means, *, slots: int, most_bytes: int) -> None:
        """Begin no round by other means, and within other bounds, from now on."""
        self._means = means
        self._backlog.resize(slots=slots, most_bytes=most_bytes)
        self.look()

    def pause(self, streams: Collection[str]) -> None:
        """Begin no mail of these streams, and of all others again."""
        self._paused = streams

    async def hasten(self, providers: Collection[str], *, recovered: bool) -> None:
        """What waits for these is due now. Those that are back from an outage begin slowly."""
        self._hastened_at |= dict.fromkeys(providers, time.monotonic())
        for name in providers if recovered else ():
            if (pool := self._means.pools().get(name)) is not None:
                pool.recovered()
        try:
            number = await self._queue.hasten(providers)
        except StorageError as error:
            _log.warning("what waits for a provider that is back keeps its own pace: %s", error)
            number = 0
        if number:
            _log.info("%d mails that waited are tried now", number)
        self.look()

    def look(self) -> None:
        """Something may have become due."""
        self._backlog.unblock()
        self._poked.set()
        self._pump()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled or `stop`ped."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again("leasing", self._lease))
            group.create_task(self._again_and_again("renewing", self._renew))

    async def stop(self, within: float) -> None:
        """Begin nothing more; finish what is under way, at most that many seconds; give back the rest."""
        self._stopping = True
        self._poked.set()
        self._ending.set()
        if self._timer is not None:
            self._timer.cancel()
        for leased in self._backlog.empty():
            self._leases.drop(leased.mail.id)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        self._cut = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_AGAIN)
        try:
            await self._queue.release()
        except StorageError as error:
            _log.warning("what was not sent waits until its lease ends: %s", error)

    @property
    def under_way(self) -> int:
        """Messages that are being sent, or settled."""
        return len(self._tasks)

    async def _again_and_again(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping:
            try:
                await step()
            except StorageError as error:
                _log.warning("%s mail has to wait: %s", what, error)
                await _set_within(self._ending, _AGAIN)
            except Exception:  # noqa: BLE001 - one defect must not end all deliveries
                _log.exception("%s mail failed", what)
                await _set_within(self._ending, _AGAIN)

    # -- the queue ----------------------------------------------------------------------------------------------------

    async def _lease(self) -> None:
        """Take what is due, as far as there is room, then wait until there may be more."""
        self._poked.clear()
        most, most_bytes = (int(free * _FOR_THE_DOOR) for free in self._backlog.room())
        taken: tuple[Leased, ...] = ()
        if (most < _LEASE_AT_ONCE and self._more) or not most_bytes:
            await _set_within(self._poked, _LONGEST_LOOK)
            return
        if most:
            asked_at = time.monotonic()
            blocked = self._backlog.blocked(asked_at)
            taken = await self._queue.lease(limit=min(most, _LEASE_AT_ONCE), most_bytes=most_bytes, without=blocked)
            for leased in taken:
                if leased.mail.id not in self._leases:
                    self._leases.hold(leased.mail.id, asked_at)
                    self._backlog.add(leased)
            self._pump()
        self._more = bool(taken)
        if not taken:
            await self._wait_for_more()

    async def _wait_for_more(self) -> None:
        due_at = await self._queue.next_due(self._backlog.blocked(time.monotonic()))
        pause = _LONGEST_LOOK
        if due_at is not None:
            pause = min(pause, max(_AGAIN / 10, (due_at - self._means.now()).total_seconds()))
        await _set_within(self._poked, pause)

    async def _renew(self) -> None:
        if await _set_within(self._ending, self._leases.seconds / _RENEWALS):
            return
        held = self._leases.all()
        if held:
            asked_at = time.monotonic()
            self._leases.renewed(held, await self._queue.renew(held), asked_at)

    # -- one mail -----------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Begin whatever may be begun."""
        now = time.monotonic()
        while not self._stopping and (leased := self._backlog.next(now)) is not None:
            self._begin(self._carry(leased))
        unblocks_at = self._backlog.unblocks_at(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if unblocks_at is not None and not self._stopping:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, unblocks_at - now), self._pump)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, leased: Leased) -> None:
        mail = leased.mail
        slot = _Slot(lambda: self._ended(mail))
        try:
            came_to: Settlement | float | None = None
            if mail.stream in self._paused:
                came_to = Settlement(mail=mail.id, counted=False)
            elif await self._is_ours(mail):
                came_to = await self._round(leased, slot)
            if isinstance(came_to, float):
                self._backlog.put_back(leased, time.monotonic() + came_to)
                return
            if came_to is not None:
                await self._settle(came_to)
            self._done(mail)
        except asyncio.CancelledError:
            self._done(mail)
            raise
        except Exception:  # noqa: BLE001 - a mail that is not looked after is not to be held for ever
            _log.exception("%s met a defect of the relay; it waits until its lease ends", mail.id)
            self._done(mail)
        finally:
            slot.free()

    async def _round(self, leased: Leased, slot: "_Slot") -> Settlement | float:
        mail = leased.mail
        began = time.monotonic()
        try:
            once = Round(leased, self._means, ours=lambda: self._sure(mail), free=slot.free)
            came_to = await once.run()
        except StorageError as error:
            _log.warning("%s has to wait for the store: %s", mail.id, error)
            due_at = self._means.now() + timedelta(seconds=_LONGEST_LOOK)
            return Settlement(mail=mail.id, due_at=due_at, because="the store could not be read", counted=False)
        except Exception:  # noqa: BLE001 - one bad message never blocks the rest
            _log.exception("%s met a defect of the relay; it is tried again later", mail.id)
            pause = retry.after_putting_off(mail.attempts, self._means.dice())
            return Settlement(mail=mail.id, due_at=self._means.now() + pause, because=DEFECT)
        if once.fruitless:
            self._backlog.block(mail.stream, time.monotonic() + _FRUITLESS)
        if isinstance(came_to, Settlement) and self._came_meanwhile(came_to.waiting_for, began):
            return replace(came_to, due_at=None)
        return came_to

    def _came_meanwhile(self, waited_for: str, began: float) -> bool:
        """Whether what a round goes to wait for has come since it began: nobody would wake it any more."""
        times = self._hastened_at
        awaited = max(times.values(), default=-1.0) if waited_for == ANY else times.get(waited_for, -1.0)
        return awaited >= began

    async def _is_ours(self, mail: Mail) -> bool:
        """Whether it may be sent; asked of the queue when we were away for too long to know."""
        if self._sure(mail):
            return True
        asked_at = time.monotonic()
        try:
            held = await self._queue.renew([mail.id])
        except StorageError:
            return False
        self._leases.renewed([mail.id], held, asked_at)
        return self._sure(mail)

    def _sure(self, mail: Mail) -> bool:
        return not self._cut and self._leases.sure(mail.id, time.monotonic())

    async def _settle(self, settlement: Settlement) -> None:
        """Write what became of it. What cannot be written is owed, and no more is begun in its place for a while."""
        try:
            await self._queue.settle(settlement)
        except StorageError as error:
            _log.error("what became of %s cannot be written yet: %s", settlement.mail, error)
            await _set_within(self._ending, _AGAIN)

    async def _give_back(self, leased: Leased) -> None:
        """There is no room for it now; it comes back with its turn."""
        try:
            await self._settle(Settlement(mail=leased.mail.id, counted=False))
        finally:
            self._leases.drop(leased.mail.id)
            self._poked.set()

    def _done(self, mail: Mail) -> None:
        self._leases.drop(mail.id)
        self._backlog.forget(mail.size)
        if self._more:  # else nothing is due that is not here, and what comes next is handed over
            self._poked.set()

    def _ended(self, mail: Mail) -> None:
        self._backlog.ended(mail)
        self._pump()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most that long; whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class _Slot:
    """The place of one message among those under way; freed once."""

    def __init__(self, free: Callable[[], None]) -> None:
        self._free: Callable[[], None] | None = free

    def free(self) -> None:
        """Others may begin. Harmless when repeated."""
        if self._free is not None:
            free, self._free = self._free, None
            free()
