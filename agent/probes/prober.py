"""Many probes at once: each runs by itself, so that one that hangs delays nobody; what they see is told as it comes.

When to look is `agent.loop`'s business. A look ends by its own deadline; here is only the net under it.
"""

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from agent.probes import PROBES
from agent.probes.local_health import MOST, LocalHealth
from agent.probes.looking import Looking, Now, Probe, RoundTrip, Seen, Target
from mailover.core.draft import ProbeOrder
from mailover.core.observations import (
    Failure,
    FailureKind,
    MailboxSeen,
    Observation,
    Overdue,
    ProbeKind,
    Purpose,
    Stage,
)
from mailover.errors import NotFoundError, RefusedError
from mailover.resolve import Resolver

_log = logging.getLogger("mailover.probes")

_MOST_AT_ONCE = 256
_SHARE_FOR_ROUND_TRIPS = 4
_DESCRIPTORS_KEPT = 200
"""For the API, the store and the relay."""
_DESCRIPTORS_EACH = 4
_GRACE = 3.0
"""Seconds past its deadline after which a look was held up by this machine, not by its peer."""
_HELD_UP = 0.5
"""Part of its time for which this machine kept a look from running: then its timeout says nothing of the peer."""
_STOP_SECONDS = 1.0
_SLOW_KINDS = frozenset({ProbeKind.PORT, ProbeKind.LOGIN})
"""A round trip takes as long as mail takes; that it is under way after some seconds says nothing."""


class Hear(Protocol):
    """Takes what was seen, in the event loop's thread; hands over and returns at once."""

    def __call__(self, *heard: Observation | Overdue | MailboxSeen) -> None: ...


class Prober:
    """Runs probes. All methods belong to the event loop's thread."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        hear: Hear,
        now: Now,
        resolver: Resolver,
        deadline: float = 10.0,
        slow: float = 5.0,
        round_trip: RoundTrip | None = None,
        probes: Mapping[ProbeKind, Probe] = PROBES,
    ) -> None:
        """`targets` by provider name; `deadline` and `slow` in seconds, as [probes] has them."""
        self._targets = targets
        self._hear = hear
        self._now = now
        self._resolver = resolver
        self._deadline = deadline
        self._slow = slow
        self._round_trip = round_trip
        self._probes = probes
        room = _room()
        self._health = LocalHealth()
        self._short = asyncio.Semaphore(room)
        self._long = asyncio.Semaphore(max(1, room // _SHARE_FOR_ROUND_TRIPS))
        self._running: set[asyncio.Task[Seen]] = set()
        self._scheduled: set[tuple[str, ProbeKind]] = set()
        self._stopped = False
        self.skipped: Counter[tuple[str, ProbeKind]] = Counter()
        """Scheduled probes that were not started because the one before was still under way."""

    @property
    def under_way(self) -> int:
        """How many probes were started and have not ended."""
        return len(self._running)

    def start(self, *orders: ProbeOrder) -> None:
        """Start probes; what they see goes to `hear`. Raises NotFoundError, RefusedError before any is started."""
        self._start_all(orders)

    async def run(self, *orders: ProbeOrder) -> tuple[Seen, ...]:
        """Start probes and wait for all of them; what they see goes to `hear` as well. Raises as `start` does."""
        tasks = self._start_all(orders)
        try:
            seen = await asyncio.gather(*tasks, return_exceptions=True)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            raise
        return tuple(each for each in seen if isinstance(each, Seen))

    async def stop(self) -> None:
        """Cancel everything and start nothing more; waits a second at most."""
        self._stopped = True
        running = tuple(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_STOP_SECONDS)

    # -- starting -------------------------------------------------------------------------------------------------

    def _start_all(self, orders: Sequence[ProbeOrder]) -> list[asyncio.Task[Seen]]:
        if self._stopped:
            raise RefusedError("the agent is stopping; no probe is started any more")
        for order in orders:
            self._check(order)
        return [task for order in orders if (task := self._started(order)) is not None]

    def _check(self, order: ProbeOrder) -> None:
        target = self._targets.get(order.provider)
        if target is None:
            raise NotFoundError(f"no provider named {order.provider}")
        if order.probe is ProbeKind.ROUND_TRIP and (self._round_trip is None or not target.sender):
            raise RefusedError(
                f"no round trip through {order.provider}: it needs [round_trip] and the provider's `from`"
            )

    def _started(self, order: ProbeOrder) -> asyncio.Task[Seen] | None:
        scheduled = order.purpose is Purpose.SCHEDULED
        key = (order.provider, order.probe)
        if scheduled and key in self._scheduled:
            self.skipped[key] += 1
            return None
        task = asyncio.create_task(self._hold(order), name=f"{order.probe}-{order.provider}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if scheduled:
            self._scheduled.add(key)
            task.add_done_callback(lambda _: self._scheduled.discard(key))
        return task

    # -- one look -------------------------------------------------------------------------------------------------

    async def _hold(self, order: ProbeOrder) -> Seen:
        """One look, from its turn to its being told."""
        async with self._long if order.probe is ProbeKind.ROUND_TRIP else self._short:
            started_at = self._now()
            overdue = self._overdue_later(order, started_at)
            try:
                with self._health.watched():
                    seen = await self._look(order, started_at)
            finally:
                if overdue is not None:
                    overdue.cancel()
        self._tell(*seen.heard)
        return seen

    async def _look(self, order: ProbeOrder, started_at: datetime) -> Seen:
        stretch, held_up = self._health.stretch, self._health.held_up
        looking = Looking(
            purpose=order.purpose,
            now=self._now,
            resolver=self._resolver,
            deadline=self._deadline * stretch,
            round_trip=self._round_trip,
        )
        limit = self._limit(order, looking)
        try:
            async with asyncio.timeout(limit + _GRACE):
                seen = await self._probes[order.probe](self._targets[order.provider], looking)
        except TimeoutError:
            return self._local(order, started_at, f"the look did not end within its {limit:g} s")
        except Exception as exc:  # noqa: BLE001 -- one provider's defect must not end the others' probes
            _log.exception("a %s probe of %s ended by a defect", order.probe, order.provider)
            return self._local(order, started_at, f"a defect in mailover: {type(exc).__name__}")
        late = (self._now() - started_at).total_seconds() - limit
        held_up = self._health.held_up - held_up
        if late >= _GRACE or (held_up >= _HELD_UP * limit and stretch < MOST):
            return _excused(seen, max(late, held_up))
        return seen

    def _limit(self, order: ProbeOrder, looking: Looking) -> float:
        if order.probe is ProbeKind.ROUND_TRIP and self._round_trip is not None:
            return self._round_trip.deadline
        return looking.deadline

    def _local(self, order: ProbeOrder, started_at: datetime, text: str) -> Seen:
        """A look that says nothing about the provider."""
        failure = Failure(kind=FailureKind.LOCAL, stage=Stage.CONNECT, text=text)
        return Seen(
            observation=Observation(
                provider=order.provider,
                purpose=order.purpose,
                probe=order.probe,
                depth=failure.depth,
                failure=failure,
                started_at=started_at,
                finished_at=self._now(),
            )
        )

    # -- telling --------------------------------------------------------------------------------------------------

    def _overdue_later(self, order: ProbeOrder, started_at: datetime) -> asyncio.TimerHandle | None:
        if order.purpose is not Purpose.SCHEDULED or order.probe not in _SLOW_KINDS:
            return None
        slow = self._slow * self._health.stretch
        return asyncio.get_running_loop().call_later(slow, self._tell_overdue, order, started_at)

    def _tell_overdue(self, order: ProbeOrder, started_at: datetime) -> None:
        self._tell(Overdue(provider=order.provider, probe=order.probe, started_at=started_at, at=self._now()))

    def _tell(self, *heard: Observation | Overdue | MailboxSeen) -> None:
        try:
            self._hear(*heard)
        except Exception:  # noqa: BLE001 -- a listener's defect is not the probe's
            _log.exception("what a probe saw could not be handed over")


def _excused(seen: Seen, held_up: float) -> Seen:
    """A timeout of a machine that slept, or had no time for us, is our own."""
    failure = seen.observation.failure
    if failure is None or failure.kind is not FailureKind.TIMEOUT:
        return seen
    text = f"this machine was held up for {held_up:.1f} s; {failure.text}"
    ours = replace(failure, kind=FailureKind.LOCAL, text=text)
    return replace(seen, observation=replace(seen.observation, failure=ours))


def _room() -> int:
    """How many short probes may run at once without starving the rest of the process of file descriptors."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_AT_ONCE
    return max(4, min(_MOST_AT_ONCE, (allowed - _DESCRIPTORS_KEPT) // _DESCRIPTORS_EACH))
