"""The agent's loop: when to look at whom, and starting what decisions want to see.

The only user of `schedule`, and for cadence only. What is seen goes to the service, what follows is the core's.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import schedule

from agent.dns_watch import DnsWatch, DnsWatched
from agent.probes import RoundTrip, Target
from agent.probes.prober import Prober
from agent.self_check import Reference, ask_all
from mailover.core.decide import Decision, ProbeOrder, may_probe, may_rehearse
from mailover.core.observations import Observation, ProbeKind, Purpose
from mailover.errors import MailoverError, UnavailableError
from mailover.loops import new_loop
from mailover.resolve import Resolver
from mailover.service import Service, Snapshot

_log = logging.getLogger("mailover.agent")

_JITTER = 0.1
_LONGEST_SLEEP = 0.5
_STOP_SECONDS = 5.0
_LOOP_AGAIN_SECONDS = 1.0
_HOUR = 3600.0
_REHEARSE_EVERY = timedelta(hours=12)
_TIDY_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often to look, and for how long."""

    port: timedelta
    login: timedelta
    round_trip: timedelta
    references: timedelta = timedelta(seconds=15)
    deadline: timedelta
    slow: timedelta
    first_rehearsal: timedelta = timedelta(minutes=1)
    """After the start: an agent that crashes again and again must not try passwords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Everything the agent looks at."""

    targets: Mapping[str, Target]
    references: Sequence[Reference] = ()
    round_trip: RoundTrip | None = None
    resolver: Resolver = field(default_factory=Resolver)
    dns: DnsWatched | None = None


class SteadyScheduler(schedule.Scheduler):
    """`schedule` on a steady clock: a stepped wall clock or the end of summer time moves no job."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds that only grow."""
        super().__init__()
        self.now = now

    def steadily(self, period: timedelta, job: Callable[[], None]) -> None:
        """Run `job` every `period` with 10 % jitter, first within one period; it may fail, and is run again."""
        SteadyJob(period, self, job).do(job)

    def seconds_left(self) -> float:
        """Until the next job is due; an hour when there is none."""
        due = min((job.due for job in self.jobs if isinstance(job, SteadyJob)), default=self.now() + _HOUR)
        return max(0.0, due - self.now())


class SteadyJob(schedule.Job):
    """A job on a fixed grid: it does not drift, missed rounds collapse into one, and it cannot raise."""

    def __init__(self, period: timedelta, scheduler: SteadyScheduler, job: Callable[[], None]) -> None:
        """The first round comes within one period, so that many jobs don't start in step."""
        super().__init__(1, scheduler)
        self.unit = "seconds"
        self._steady = scheduler
        self._round = job
        self._period = period.total_seconds()
        self._grid = scheduler.now() + random.uniform(0, self._period)  # noqa: S311 - spreads load, guards nothing
        self.due = self._grid

    @property
    def should_run(self) -> bool:
        """Whether its time has come."""
        return self._steady.now() >= self.due

    def __lt__(self, other: object) -> bool:
        """Earlier due, earlier run."""
        return isinstance(other, SteadyJob) and self.due < other.due

    def run(self) -> None:
        """One round. Whatever goes wrong is logged: one job must never stop the others."""
        try:
            self._round()
        except Exception:  # noqa: BLE001 - whatever it was, the others must go on
            _log.exception("a scheduled job failed")
        missed = max(0, int((self._steady.now() - self._grid) // self._period))
        self._grid += (missed + 1) * self._period
        self._schedule_next_run()

    def _schedule_next_run(self) -> None:
        self.due = self._grid + random.uniform(-_JITTER, _JITTER) * self._period  # noqa: S311 - as above


class Agent:
    """The watcher: an event loop in a thread of its own, so that nobody's work delays a probe."""

    def __init__(self, service: Service, watched: Watched, rhythm: Rhythm) -> None:
        """Nothing runs before `start`."""
        self._service = service
        self._watched = watched
        self._rhythm = rhythm
        self._loop: asyncio.AbstractEventLoop | None = None
        self._prober: Prober | None = None
        self._dns = DnsWatch(watched.dns, service) if watched.dns is not None else None
        self._asking: set[asyncio.Task[None]] = set()
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="mailover-agent", daemon=True)

    def start(self) -> None:
        """Begin to watch; returns when everything listens. Raises what kept the mailbox from opening."""
        self._service.offer_checks(self.check)
        if self._watched.round_trip is not None:
            self._service.offer_mailbox(self._watched.round_trip.arrivals.tell)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        self._service.listen(self._hear_decision)
        self._service.dns.offer(self.check_dns if self._watched.dns is not None else None)

    def stop(self) -> None:
        """Stop watching; what is under way is given up."""
        self._service.ignore(self._hear_decision)
        self._ended.set()
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # between two loops; `_ended` is seen by the next
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=_STOP_SECONDS)

    def check(self, provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        """Probe by hand and wait; what is seen is heard as well. Raises RefusedError for a kind that cannot be run."""
        if self._loop is None or self._prober is None:
            raise UnavailableError("the agent is not running")
        orders = [ProbeOrder(provider=provider, probe=kind, purpose=Purpose.MANUAL) for kind in kinds]
        probes = self._prober.run(*orders)
        try:
            running = asyncio.run_coroutine_threadsafe(probes, self._loop)
        except RuntimeError as error:  # its loop is closed
            probes.close()
            raise UnavailableError("the agent is not running any more") from error
        try:
            return [seen.observation for seen in running.result()]
        except CancelledError as error:
            raise UnavailableError("the agent was stopped meanwhile") from error

    def check_dns(self, domains: Sequence[str]) -> Mapping[str, object]:
        """Look at the DNS now and wait; what is found is heard as well. Raises NotFoundError for a strange domain."""
        if self._loop is None or self._dns is None:
            raise UnavailableError("the agent is not running")
        return asyncio.run_coroutine_threadsafe(self._dns.look(domains), self._loop).result()

    # -- the thread -----------------------------------------------------------------------------------------------

    def _main(self) -> None:
        """Run the loop until told to stop. One that ends by a defect begins again: a flag without probes is a guess."""
        while not self._ended.is_set():
            try:
                with asyncio.Runner(loop_factory=new_loop) as runner:
                    runner.run(self._watch())
            except BaseException as error:  # noqa: BLE001 - handed to whoever called `start`
                if not self._ready.is_set():
                    self._failure = error
                    break
                _log.exception("the agent's loop ended; it begins again")
                self._ended.wait(_LOOP_AGAIN_SECONDS)
        self._ready.set()

    async def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        if self._ended.is_set():
            return
        watched, rhythm = self._watched, self._rhythm
        prober = Prober(
            watched.targets,
            hear=self._service.hear,
            now=self._service.clock.now,
            resolver=watched.resolver,
            deadline=rhythm.deadline.total_seconds(),
            slow=rhythm.slow.total_seconds(),
            round_trip=watched.round_trip,
        )
        self._prober = prober
        if watched.round_trip is not None:
            await watched.round_trip.mailbox.open()
        try:
            scheduler = self._cadence()
            self._ready.set()
            await self._turn(scheduler)
        finally:
            await prober.stop()
            for task in tuple(self._asking):
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)
            if watched.round_trip is not None:
                await watched.round_trip.mailbox.close()

    def _cadence(self) -> SteadyScheduler:
        scheduler = SteadyScheduler()
        rhythm = self._rhythm
        for name, target in self._watched.targets.items():
            scheduler.steadily(rhythm.port, self._probing(name, ProbeKind.PORT))
            if target.credentials is not None:
                scheduler.steadily(rhythm.login, self._probing(name, ProbeKind.LOGIN))
            if self._watched.round_trip is not None and target.sender:
                scheduler.steadily(rhythm.round_trip, self._probing(name, ProbeKind.ROUND_TRIP))
            if target.next_credentials is not None:
                self._rehearse(scheduler, name)
        if self._watched.references:
            scheduler.steadily(rhythm.references, self._look_at_references)
        if self._dns is not None:
            self._keep(self._dns.watch())
        scheduler.steadily(_TIDY_EVERY, self._tidy)
        return scheduler

    def _probing(self, name: str, kind: ProbeKind) -> Callable[[], None]:
        order = ProbeOrder(provider=name, probe=kind, purpose=Purpose.SCHEDULED)

        def look() -> None:
            if may_probe(self._service.snapshot.fleet, name, kind):
                self._start(order)

        return look

    def _rehearse(self, scheduler: SteadyScheduler, name: str) -> None:
        """Try the next password once after the start, then now and then unless it is refused: accounts get locked."""
        order = ProbeOrder(provider=name, probe=ProbeKind.LOGIN, purpose=Purpose.REHEARSAL)

        def first() -> None:
            if may_probe(self._service.snapshot.fleet, name, ProbeKind.LOGIN):
                self._start(order)

        def again() -> None:
            if may_rehearse(self._service.snapshot.fleet, name):
                self._start(order)

        asyncio.get_running_loop().call_later(self._rhythm.first_rehearsal.total_seconds(), first)
        scheduler.steadily(_REHEARSE_EVERY, again)

    async def _turn(self, scheduler: SteadyScheduler) -> None:
        """Run what is due until told to stop."""
        assert self._stopping is not None  # noqa: S101 - made where the loop begins
        while not self._stopping.is_set():
            scheduler.run_pending()
            await self._sleep(min(_LONGEST_SLEEP, scheduler.seconds_left()))

    async def _sleep(self, seconds: float) -> None:
        assert self._stopping is not None  # noqa: S101 - as above
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    # -- what decisions want --------------------------------------------------------------------------------------

    def _hear_decision(self, _snapshot: Snapshot, decision: Decision) -> None:
        """Called in the deciding thread: hand over, return."""
        if (decision.probes or decision.look_at_references) and self._loop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # its loop has just ended
                self._loop.call_soon_threadsafe(self._carry_out, decision)

    def _carry_out(self, decision: Decision) -> None:
        self._start(*decision.probes)
        if decision.look_at_references:
            self._look_at_references()

    def _start(self, *orders: ProbeOrder) -> None:
        assert self._prober is not None  # noqa: S101 - made where the loop begins
        for order in orders:
            try:
                self._prober.start(order)
            except MailoverError as error:
                _log.warning("%s probe of %s not started: %s", order.probe, order.provider, error)

    def _tidy(self) -> None:
        """The store's hourly work, in a thread: it may take seconds, and no probe waits for it."""
        assert self._stopping is not None  # noqa: S101 - made where the loop begins
        stopping = self._stopping
        self._keep(asyncio.to_thread(self._service.tidy, lambda: not stopping.is_set()))

    def _look_at_references(self) -> None:
        if self._watched.references:
            self._keep(self._ask_references())

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_references(self) -> None:
        watched, now = self._watched, self._service.clock.now
        deadline = self._rhythm.deadline.total_seconds()
        seen = await ask_all(watched.references, resolver=watched.resolver, now=now, deadline=deadline)
        self._service.hear(*seen)
