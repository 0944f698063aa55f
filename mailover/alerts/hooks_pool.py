"""Many receivers, few threads: whose turn it is, in order per receiver, and how an attempt is settled.

A receiver has one attempt under way at most. Those that failed or were slow last time share a lane of their own, so
that however many are dead, the others find a free thread.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from mailover.alerts.courier import FEWEST_TRIES, GIVE_UP_AFTER, wait_after
from mailover.alerts.hooks import AnsweredError
from mailover.alerts.transport import Count, DeliveryError, Outcome, uncounted
from mailover.clock import Clock
from mailover.core.events import Event, EventType
from mailover.errors import StorageError
from mailover.storage.hooks import Settlement
from mailover.storage.roster import Hook, Roster
from mailover.storage.store import Delivery

_log = logging.getLogger("mailover.alerts")

BRISK, LAME = 24, 8
"""Threads for receivers that answer, and for those that did not."""
_BRISK_AHEAD = 3 * BRISK
"""How many may be leased for the first lane, so that its threads never wait for the store."""
_SLOW = timedelta(seconds=1)
_LOOK_AGAIN = timedelta(seconds=2)
"""Another agent on the same store may have put something into the outbox."""
_MOMENT = 0.1
"""Seconds."""
_QUEUEING = timedelta(seconds=15)
"""How long an attempt may wait for a thread, besides its own time: after that its lease ends, as if we had died."""


class Sender(Protocol):
    """Makes one attempt."""

    def send(self, hook: Hook, event: Event) -> int:
        """The HTTP status of its success. Raises DeliveryError."""


class HookPool:
    """All outgoing webhooks at work."""

    def __init__(
        self,
        roster: Roster,
        sender: Sender,
        clock: Clock,
        *,
        dice: Callable[[], float] = random.random,
        count: Count = uncounted,
    ) -> None:
        """Nothing runs yet. `count` hears of each attempt; all receivers registered over the API are one channel."""
        self._roster = roster
        self._sender = sender
        self._clock = clock
        self._dice = dice
        self._count = count
        self._bell = threading.Event()
        self._ends_at: float | None = None
        self._busy: set[str] = set()
        self._lame: set[str] = set()
        self._sent_lame: set[str] = set()
        self._resting: dict[str, datetime] = {}
        """Receivers that failed, until when; nothing else is sent to them before."""
        self._done: queue.SimpleQueue[tuple[Delivery, Settlement | None]] = queue.SimpleQueue()
        self._unsettled: list[Settlement] = []
        self._unsent: list[Delivery] = []
        self._store_failed = False
        self._lanes: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None
        self._thread = threading.Thread(target=self._run, name="mailover-webhooks", daemon=True)
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Receivers that rest no longer: somebody says that they are there again."""
        roster.listen(self.hasten)

    def start(self) -> None:
        """Begin with what the outbox still holds."""
        self._lanes = (
            ThreadPoolExecutor(BRISK, thread_name_prefix="mailover-webhook"),
            ThreadPoolExecutor(LAME, thread_name_prefix="mailover-webhook-lame"),
        )
        self._thread.start()

    def wake(self) -> None:
        """Something was committed: look at once. Returns at once; safe in any thread."""
        self._bell.set()

    def hasten(self, endpoint: str) -> None:
        """Somebody wants this receiver to be tried now, however often it failed. As `wake`."""
        self._wanted.put(endpoint)
        self._bell.set()

    def stop(self, within: timedelta = timedelta(seconds=10)) -> None:
        """Let the attempts under way end and settle them; what is left waits in the outbox."""
        self._ends_at = time.monotonic() + within.total_seconds()
        self._bell.set()
        if self._lanes is None:
            return
        self._thread.join(within.total_seconds() + 1)
        for lane in self._lanes:
            lane.shutdown(wait=False)

    def _run(self) -> None:
        while self._ends_at is None:
            self._bell.clear()
            wait = self._step()
            self._bell.wait(wait.total_seconds())
        while self._busy and time.monotonic() < self._ends_at:
            self._bell.wait(_MOMENT)
            self._bell.clear()
            self._step(sending=False)

    def _step(self, *, sending: bool = True) -> timedelta:
        """Settle what has ended and start what is due; how long nothing else is to do. Never raises."""
        try:
            self._settle()
            if sending:
                self._send()
        except StorageError as error:
            if not self._store_failed:
                _log.error("webhooks: the outbox cannot be reached: %s", error)
            self._store_failed = True
            return _LOOK_AGAIN
        except Exception as error:  # noqa: BLE001 - one thread carries all; the text of a defect may hold secrets
            _log.error("webhooks: a defect in mailover: %s", type(error).__name__)
            return _LOOK_AGAIN
        self._store_failed = False
        now = self._clock.now()
        return max(min([_LOOK_AGAIN, *(until - now for until in self._resting.values())]), timedelta(0))

    # -- settling -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Write down what became of attempts; until it is written, their receivers get nothing else."""
        while not self._done.empty():
            delivery, settlement = self._done.get()
            if settlement is None:
                self._unsent.append(delivery)
            else:
                self._unsettled.append(settlement)
        if self._unsent:
            self._roster.store.release([each.seq for each in self._unsent])
            self._busy.difference_update(each.endpoint for each in self._unsent)
            self._unsent.clear()
        if not self._unsettled:
            return
        self._roster.store.settle(self._unsettled)
        changed = False
        for each in self._unsettled:
            self._busy.discard(each.endpoint)
            if each.due_at is not None:
                self._resting[each.endpoint] = each.due_at
            changed = changed or each.silence is not None or each.ends is not None
        self._unsettled.clear()
        if changed:
            self._roster.refresh()

    # -- sending --------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        now, hooks, off = self._clock.now(), self._roster.hooks, self._roster.silenced
        while not self._wanted.empty():
            self._resting.pop(self._wanted.get(), None)
        self._resting = {name: until for name, until in self._resting.items() if until > now and name in hooks}
        idle = [name for name in hooks if name not in self._busy and name not in self._resting and name not in off]
        if not idle:
            return
        for lame, most in ((False, _BRISK_AHEAD), (True, LAME)):
            free = most - len([name for name in self._busy if (name in self._sent_lame) == lame])
            names = [name for name in idle if (name in self._lame) == lame]
            if free > 0 and names:
                lease = _QUEUEING + max(hooks[name].timeout for name in names)
                for delivery in self._roster.store.due(names, now=now, limit=free, lease=lease):
                    self._start(hooks[delivery.endpoint], delivery, lame=lame)

    def _start(self, hook: Hook, delivery: Delivery, *, lame: bool) -> None:
        assert self._lanes is not None  # noqa: S101 - only a started pool steps
        self._busy.add(hook.endpoint)
        (self._sent_lame.add if lame else self._sent_lame.discard)(hook.endpoint)
        self._lanes[lame].submit(self._attempt, hook, delivery)

    # -- one attempt, in a thread of a lane -----------------------------------------------------------------------

    def _attempt(self, hook: Hook, delivery: Delivery) -> None:
        began, settlement = self._clock.now(), None
        try:
            if self._ends_at is None:
                settlement = self._try(hook, delivery)
        except StorageError as error:  # nothing was sent: the same again, when the store is back
            _log.debug("%s: %s", hook.endpoint, error)
        except Exception as error:  # noqa: BLE001 - a defect must not end a receiver; its text may hold secrets
            settlement = self._settled(delivery, DeliveryError(f"{type(error).__name__} (a defect in mailover)"))
        if settlement is not None:
            self._count(hook.channel, _outcome(settlement))
        failed = settlement is None or settlement.error is not None
        (self._lame.add if failed or self._clock.now() - began > _SLOW else self._lame.discard)(hook.endpoint)
        self._done.put((delivery, settlement))
        self._bell.set()

    def _try(self, hook: Hook, delivery: Delivery) -> Settlement:
        """Send it, unless that is pointless by now; what is to be written down about it."""
        pointless = self._pointless(hook, delivery)
        if pointless is not None:
            return self._settled(delivery, DeliveryError(pointless, permanent=True))
        try:
            status = self._sender.send(hook, delivery.event)
        except DeliveryError as error:
            return self._settled(delivery, error, max_age=hook.max_age)
        if delivery.attempts:
            _log.info("%s: %s delivered after %d failures", hook.endpoint, delivery.event.id, delivery.attempts)
        ends = hook.name if hook.once and delivery.event.type is not EventType.WEBHOOK_TEST else None
        return Settlement(seq=delivery.seq, endpoint=delivery.endpoint, at=self._clock.now(), status=status, ends=ends)

    def _pointless(self, hook: Hook, delivery: Delivery) -> str | None:
        """Why this event need not be sent any more."""
        if delivery.replayed_at is not None:
            return None
        if hook.max_age < GIVE_UP_AFTER and self._age(delivery) > hook.max_age:
            return f"older than {hook.max_age}"
        newer = self._roster.store.newer_move(delivery) if hook.latest_only else None
        return f"superseded by {newer}" if newer is not None else None

    def _settled(self, delivery: Delivery, error: DeliveryError, max_age: timedelta = GIVE_UP_AFTER) -> Settlement:
        now, tries = self._clock.now(), delivery.attempts + 1
        answered = error.status if isinstance(error, AnsweredError) else None
        gone = isinstance(error, AnsweredError) and error.gone
        too_old = self._age(delivery) > max_age and tries >= FEWEST_TRIES
        due_at, why = None, str(error)
        if gone:
            _log.error("%s: switched off, since %s", delivery.endpoint, error)
        elif error.permanent or too_old:
            why = why if error.permanent else f"given up after {tries} tries; the last said: {error}"
            _log.warning("%s: %s is not delivered: %s", delivery.endpoint, delivery.event.id, why)
        else:
            wait = wait_after(delivery.attempts, error.retry_after, self._dice())
            due_at = now + wait
            level = logging.WARNING if delivery.attempts == 0 else logging.DEBUG
            words = (delivery.endpoint, delivery.event.id, wait.total_seconds(), error)
            _log.log(level, "%s: %s again in %.0f s: %s", *words)
        return Settlement(
            seq=delivery.seq,
            endpoint=delivery.endpoint,
            at=now,
            status=answered,
            error=why,
            due_at=due_at,
            silence=why if gone else None,
        )

    def _age(self, delivery: Delivery) -> timedelta:
        return self._clock.now() - (delivery.replayed_at or delivery.event.at)


def _outcome(settlement: Settlement) -> Outcome:
    if settlement.error is None:
        return Outcome.DELIVERED
    return Outcome.FAILED if settlement.due_at is not None else Outcome.GIVEN_UP
