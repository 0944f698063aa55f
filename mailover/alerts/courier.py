"""One endpoint's courier: takes the oldest event from the outbox, delivers it, settles it.

When to retry and when to give up is decided here. It owns no thread; `dispatcher` runs it.
"""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from mailover.alerts.transport import Count, DeliveryError, Outcome, Transport, uncounted
from mailover.clock import Clock
from mailover.errors import StorageError
from mailover.storage.hooks import Settlement
from mailover.storage.store import Delivery, Store

_log = logging.getLogger("mailover.alerts")

RETRIES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30, 60))
RETRY_AT_LAST = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=1)
LONGEST_REST = timedelta(minutes=15)
"""The longest `Retry-After` that is honoured."""
_LEASE = timedelta(seconds=60)
_LOOK_AGAIN = timedelta(seconds=5)
"""Another agent on the same store may have put something into the outbox."""
FEWEST_TRIES = 3
_JITTER = 0.1


class Courier:
    """Delivers one endpoint's events in order, each at least once."""

    def __init__(
        self,
        endpoint: str,
        transport: Transport,
        store: Store,
        clock: Clock,
        *,
        pace: timedelta = timedelta(0),
        dice: Callable[[], float] = random.random,
        count: Count = uncounted,
    ) -> None:
        """`pace` is the least time between two deliveries; `dice` gives 0 to 1; `count` hears of each attempt."""
        self.endpoint = endpoint
        self._transport = transport
        self._store = store
        self._clock = clock
        self._pace = pace
        self._dice = dice
        self._count = count
        self._free_at: datetime | None = None
        self._unsettled: Settlement | None = None
        self._store_failed = False

    def step(self) -> timedelta:
        """Try one event, if one is due. How long to wait before the next step. Never raises."""
        try:
            wait = self._step()
        except StorageError as error:
            if not self._store_failed:
                _log.error("%s: the outbox cannot be reached: %s", self.endpoint, error)
            self._store_failed = True
            return _LOOK_AGAIN
        except Exception as error:  # noqa: BLE001 - an endpoint has one thread; the text of a defect may hold secrets
            _log.error("%s: a defect in mailover: %s", self.endpoint, type(error).__name__)
            return _LOOK_AGAIN
        self._store_failed = False
        return wait

    def _step(self) -> timedelta:
        self._settle()
        now = self._clock.now()
        if self._free_at is not None and now < self._free_at:
            return self._free_at - now
        due = self._store.outbox_due(self.endpoint, now=now, limit=1, lease=_LEASE)
        if not due:
            next_due = self._store.outbox_next_due(self.endpoint)
            return _LOOK_AGAIN if next_due is None else min(max(next_due - now, RETRIES[0] / 10), _LOOK_AGAIN)
        for delivery in due:
            self._unsettled = self._attempt(delivery)
            self._free_at = self._clock.now() + self._pace
            self._settle()
        return self._pace

    def _settle(self) -> None:
        """Write down what became of the last attempt before anything else: a failing store must not double it."""
        if self._unsettled is not None:
            self._store.hooks.settle([self._unsettled])
            self._unsettled = None

    def _attempt(self, delivery: Delivery) -> Settlement:
        """Deliver; what is to be written down about it."""
        try:
            self._transport(delivery.event)
        except DeliveryError as error:
            return self._failed(delivery, error)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect in one way of telling must not end it; its text may hold secrets
            return self._failed(delivery, DeliveryError(f"{type(error).__name__} (a defect in mailover)"))
        if delivery.attempts:
            _log.info("%s: %s delivered after %d failures", self.endpoint, delivery.event.id, delivery.attempts)
        self._count(self.endpoint, Outcome.DELIVERED)
        return self._settled(delivery)

    def _failed(self, delivery: Delivery, error: DeliveryError) -> Settlement:
        now, tries = self._clock.now(), delivery.attempts + 1
        too_old = now - delivery.event.at > GIVE_UP_AFTER and tries >= FEWEST_TRIES
        if error.permanent or too_old:
            why = str(error) if error.permanent else f"given up after {tries} tries; the last said: {error}"
            _log.error("%s: %s is not delivered: %s", self.endpoint, delivery.event.id, why)
            self._count(self.endpoint, Outcome.GIVEN_UP)
            return self._settled(delivery, error=why)
        self._count(self.endpoint, Outcome.FAILED)
        wait = wait_after(delivery.attempts, error.retry_after, self._dice())
        level = logging.WARNING if delivery.attempts == 0 else logging.DEBUG
        _log.log(level, "%s: %s again in %.0f s: %s", self.endpoint, delivery.event.id, wait.total_seconds(), error)
        return self._settled(delivery, error=str(error), due_at=now + wait)

    def _settled(self, delivery: Delivery, *, error: str | None = None, due_at: datetime | None = None) -> Settlement:
        return Settlement(
            seq=delivery.seq, endpoint=delivery.endpoint, at=self._clock.now(), error=error, due_at=due_at
        )


def wait_after(failures: int, asked: timedelta | None, die: float) -> timedelta:
    """The schedule, give or take a tenth; or as long as the other side asks, and a tenth more at most.

    `failures` is how many there were before this one, `die` is 0 to 1.
    """
    if asked is not None:
        return min(max(asked, RETRIES[0]), LONGEST_REST) * (1 + _JITTER * die)
    planned = RETRIES[failures] if failures < len(RETRIES) else RETRY_AT_LAST
    return planned * (1 - _JITTER + 2 * _JITTER * die)
