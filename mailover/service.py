"""The one inlet: whatever is heard or ordered goes in here; it is decided, committed, and only then published.

One thread decides. Readers take `snapshot`, an immutable value swapped by reference, and never wait for anything.
No socket is opened here, and no rule lives here: rules are `mailover.core`.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from mailover.clock import Clock
from mailover.core.commands import Command
from mailover.core.decide import Decision, Heard, decide
from mailover.core.events import Event
from mailover.core.fleet import Flag, Fleet, found
from mailover.core.letters import Letter, Route, Spent
from mailover.core.observations import AgentResumed, AgentStarted, Observation, ProbeKind, StoreSeen
from mailover.core.operators import refusal
from mailover.core.policy import Policy
from mailover.core.routing import route
from mailover.dns_board import DnsBoard
from mailover.errors import NotFoundError, RefusedError, StorageError, UnavailableError, VersionConflictError
from mailover.mail_desk import MailDesk
from mailover.selectors import Selectors
from mailover.storage.ledger import Ledger
from mailover.storage.store import Retention, Store

_log = logging.getLogger("mailover.service")

_TICK = timedelta(seconds=2)
"""The longest the deciding thread sleeps; its heartbeat."""
_STALE_AFTER = timedelta(seconds=10)
_ABSENT_AFTER = timedelta(seconds=30)
"""A thread that decides so late was suspended with its machine, not busy."""
_BATCH = 500
_TIDYING = 200
"""Steps of one run of tidying; the rest waits for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One stream's flag, already serialised: equal bytes while the epoch is equal."""

    flag: Flag
    body: bytes
    etag: str
    """Strong, quoted; equal in every agent on the same store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What readers see: one version of the fleet and its flags."""

    fleet: Fleet
    policy: Policy
    flags: Mapping[str, Published]
    default_stream: str
    recorded: bool = True
    """False while the store cannot be written and this version exists in memory only."""


class Checker(Protocol):
    """Runs probes by hand and returns what they saw; the agent offers one."""

    def __call__(self, provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]: ...


class MailboxInlet(Protocol):
    """Takes a workflow tool's word that a marked message arrived; False when nobody waits for that nonce."""

    def __call__(self, provider: str, nonce: str, folder: str, headers: Mapping[str, str]) -> bool: ...


Listener = Callable[[Snapshot, Decision], None]
"""Called in the deciding thread after each decision; must hand over and return at once."""

Witness = Callable[[Sequence[Observation]], None]
"""Called in the deciding thread with what was heard of providers, once it is decided upon; must return at once."""


@dataclass(frozen=True, slots=True)
class _Item:
    heard: tuple[Heard, ...]
    command: Command | None
    answer: "Future[Decision] | None"
    policy: tuple[Policy, str] | None = None
    """Another policy and its default stream, to decide by from here on."""


class Service:
    """Load, decide, commit, publish."""

    def __init__(
        self,
        *,
        store: Store,
        policy: Policy,
        default_stream: str,
        clock: Clock,
        identity: str,
        endpoints: Callable[[Event], Sequence[str]] = lambda _event: (),
        keep: Retention = Retention(),  # noqa: B008 - frozen
        selectors: Selectors | None = None,
    ) -> None:
        """`identity` names a new store's fleet; `endpoints` says which outbox rows an event gets."""
        self.store = store
        self.clock = clock
        self.keep = keep
        self._listeners: list[Listener] = []
        self._witnesses: list[Witness] = []
        self._inbox: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._checker: Checker | None = None
        self._mailbox: MailboxInlet | None = None
        self.dns = DnsBoard(store)
        """The latest DNS report, and who makes one on request."""
        self.mail = MailDesk(store, clock)
        """Where mail is handed over to the relay."""
        self.selectors = selectors or Selectors()
        """Who is asked for the order of streams that name one."""
        self._spent: Callable[[], Mapping[str, Spent]] = dict
        self._wake_at: datetime | None = None
        self._ledger = Ledger(store, endpoints, clock.now)
        fleet = self._ledger.committed or found(policy, identity, clock.now())
        self.snapshot = _snapshot(fleet, policy, default_stream, None)
        self.ticked_at = clock.now()
        """When it last decided."""

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Decide on the agent's own start, then keep deciding in a thread."""
        now = self.clock.now()
        damage = self.store.damage
        self.step((AgentStarted(at=now), *([StoreSeen(writable=False, at=now, text=damage)] if damage else ())))
        self._thread = threading.Thread(target=self._run, name="mailover-service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Decide on what is queued, then end the thread."""
        if self._thread is not None:
            self._inbox.put(None)
            self._thread.join(timeout=10)
            self._thread = None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every decision from now on."""
        self._listeners = [*self._listeners, listener]

    def ignore(self, listener: Listener) -> None:
        """Tell `listener` nothing more."""
        self._listeners = [each for each in self._listeners if each != listener]

    def witness(self, witness: Witness) -> None:
        """Tell `witness` of every observation from now on."""
        self._witnesses = [*self._witnesses, witness]

    def offer_checks(self, checker: Checker) -> None:
        """The agent offers to run probes by hand."""
        self._checker = checker

    def offer_mailbox(self, inlet: MailboxInlet) -> None:
        """The agent offers to hear of arrivals from a workflow tool."""
        self._mailbox = inlet

    def offer_spent(self, spent: Callable[[], Mapping[str, Spent]]) -> None:
        """The relay offers to tell what it gave each provider lately."""
        self._spent = spent

    def route(self, letter: Letter, spent: Mapping[str, Spent] | None = None) -> Route:
        """Where one message goes now. Asks the stream's selector, if it has one, for at most a tenth of a second."""
        seen, now = self.snapshot, self.clock.now()
        given = self._spent() if spent is None else spent
        way = route(seen.fleet, seen.policy, letter, now, given)
        wanted = self.selectors.message(seen.fleet, seen.policy, letter, way.providers, now)
        return route(seen.fleet, seen.policy, letter, now, given, wanted=wanted) if wanted else way

    # -- the inlet ------------------------------------------------------------------------------------------------

    def hear(self, *heard: Heard) -> None:
        """Take facts and return at once."""
        self._inbox.put(_Item(heard, None, None))

    def ask(self, *heard: Heard, timeout: float = 5.0) -> Decision:
        """Take facts and wait for the committed decision that includes them."""
        return self._wait(_Item(heard, None, Future()), timeout)

    def order(self, command: Command, timeout: float = 5.0) -> Decision:
        """Carry out an operator's command. Raises RefusedError or NotFoundError with the reason."""
        return self._wait(_Item((), command, Future()), timeout)

    def check(self, provider: str, kinds: Sequence[ProbeKind]) -> Sequence[Observation]:
        """Probe now, by hand; the result is heard like any other. Blocks for at most the probes' deadlines."""
        if provider not in self.snapshot.fleet.breakers:
            raise NotFoundError(f"no provider is called {provider!r}")
        if self._checker is None:
            raise UnavailableError("no agent is running behind this API, so nothing can be probed")
        return self._checker(provider, kinds)

    def arrived(self, provider: str, nonce: str, folder: str, headers: Mapping[str, str]) -> bool:
        """A workflow tool says that the marked message arrived; False when nobody waits for it."""
        if provider not in self.snapshot.fleet.breakers:
            raise NotFoundError(f"no provider is called {provider!r}")
        return self._mailbox is not None and self._mailbox(provider, nonce, folder, headers)

    def reload(self, policy: Policy, default_stream: str) -> None:
        """Decide by another policy from now on; returns when the fleet is settled by it."""
        self._wait(_Item((), None, Future(), (policy, default_stream)), timeout=5.0)

    def tidy(self, going: Callable[[], bool] = lambda: True) -> None:
        """Roll up what is old in the logs and forget what is too old, in short steps; takes seconds, never raises."""
        try:
            for _ in range(_TIDYING):
                if not (going() and self.store.tidy(self.clock.now(), self.keep)):
                    return
        except StorageError as error:
            _log.warning("the logs were not tidied, that is left to the next hour: %s", error)

    def stale_seconds(self) -> int | None:
        """Since how many seconds nothing is decided or recorded any more; None while all is well."""
        age = self.clock.now() - self.ticked_at
        failing = self.snapshot.fleet.store_failing_since
        if failing is not None:
            age = max(age, self.clock.now() - failing)
        elif age < _STALE_AFTER:
            return None
        return int(age.total_seconds())

    # -- the deciding thread --------------------------------------------------------------------------------------

    def _wait(self, item: _Item, timeout: float) -> Decision:
        self._inbox.put(item)
        if self._thread is None:
            self._drain(block=False)
        assert item.answer is not None  # noqa: S101 - both callers made one
        return item.answer.result(timeout)

    def _run(self) -> None:
        while self._drain(block=True):
            pass

    def _drain(self, *, block: bool) -> bool:
        """Decide on what is queued, or on what the time has brought. False when told to stop."""
        items, going = self._take(block=block)
        for item in items:
            if item.policy is not None:
                policy, default_stream = item.policy
                self.snapshot = replace(self.snapshot, policy=policy, default_stream=default_stream)
        facts = [item for item in items if item.command is None]
        absence = self._absence() if block else ()
        if facts or absence or not items:
            self._answer(facts, (*absence, *(h for item in facts for h in item.heard)))
        for item in items:
            if item.command is not None:
                self._answer([item], (item.command,))
        return going

    def _absence(self) -> tuple[AgentResumed, ...]:
        """Known here and before anything else is decided, lest a timer that ran out meanwhile moves a flag unprobed."""
        now = self.clock.now()
        return (AgentResumed(absent_since=self.ticked_at, at=now),) if now - self.ticked_at > _ABSENT_AFTER else ()

    def _take(self, *, block: bool) -> tuple[list[_Item], bool]:
        """What is queued, at most a batch; False beside it when told to stop."""
        items: list[_Item] = []
        try:
            while len(items) < _BATCH:
                wait = block and not items
                item = self._inbox.get(timeout=self._patience()) if wait else self._inbox.get_nowait()
                if item is None:
                    return items, False
                items.append(item)
        except queue.Empty:
            pass
        return items, True

    def _answer(self, items: Sequence[_Item], heard: tuple[Heard | Command, ...]) -> None:
        try:
            decision = self.step(heard)
        except Exception as error:  # noqa: BLE001 - the thread that decides must outlive any one decision
            if not isinstance(error, RefusedError | NotFoundError):
                _log.exception("a decision failed")
                if len(items) > 1:  # one bad fact must not take the others with it
                    for item in items:
                        self._answer([item], item.heard)
                    return
            for item in items:
                if item.answer is not None:
                    item.answer.set_exception(error)
            return
        for item in items:
            if item.answer is not None:
                item.answer.set_result(decision)

    def _patience(self) -> float:
        now = self.clock.now()
        due = min(self._wake_at or now + _TICK, now + _TICK)
        return max(0.0, (due - now).total_seconds())

    def step(self, heard: Sequence[Heard | Command] = ()) -> Decision:
        """One decision, start to end: what the thread does again and again, and what tests do by hand."""
        while True:
            now = self.clock.now()
            seen = self.snapshot
            for item in heard:
                if isinstance(item, Command):
                    refuse(seen.fleet, seen.policy, item, now)
            decision = decide(seen.fleet, tuple(heard), seen.policy, now)
            try:
                recorded = self._record(decision, heard)
            except VersionConflictError:
                if self._catch_up(decision, heard):
                    continue
                recorded = False
            break
        self.ticked_at = self.clock.now()
        self._wake_at = decision.wake_at
        if decision.fleet is not seen.fleet or recorded != seen.recorded:
            self.snapshot = _snapshot(decision.fleet, seen.policy, seen.default_stream, seen, recorded=recorded)
        self._tell(decision, _observations(heard))
        return decision

    def _tell(self, decision: Decision, observations: Sequence[Observation]) -> None:
        """Hand out what is decided and stored already: a defect in one who is told must not reach the others."""
        told: list[Callable[[], None]] = [partial(each, self.snapshot, decision) for each in self._listeners]
        told += [partial(each, observations) for each in self._witnesses if observations]
        for tell in told:
            try:
                tell()
            except Exception:  # noqa: BLE001 - whoever asked for this decision has it
                _log.exception("somebody could not be told of a decision")

    def _record(self, decision: Decision, heard: Sequence[Heard | Command]) -> bool:
        """Commit the decision with all that is owed; False when the store fails. Raises VersionConflictError."""
        error = self._ledger.record(decision, _observations(heard))
        if error is not None:
            self._doubt_store(decision.fleet, error)
        elif decision.fleet.store_failing_since is not None:
            self.hear(StoreSeen(writable=True, at=self.clock.now()))
        return error is None

    def _catch_up(self, decision: Decision, heard: Sequence[Heard | Command]) -> bool:
        """Another agent decided first: go on from its fleet. False when the store fails at that."""
        try:
            self._adopt(self._ledger.catch_up())
        except StorageError as error:
            self._doubt_store(decision.fleet, self._ledger.owe(decision, _observations(heard), error))
            return False
        return True

    def _doubt_store(self, fleet: Fleet, error: StorageError) -> None:
        if fleet.store_failing_since is None:
            _log.critical("the store cannot be written: %s", error)
            self.hear(StoreSeen(writable=False, at=self.clock.now(), text=str(error)))

    def _adopt(self, fleet: Fleet | None) -> None:
        if fleet is not None:
            seen = self.snapshot
            self.snapshot = _snapshot(fleet, seen.policy, seen.default_stream, seen)


def _observations(heard: Sequence[Heard | Command]) -> list[Observation]:
    return [h for h in heard if isinstance(h, Observation)]


def refuse(fleet: Fleet, policy: Policy, command: Command, now: datetime) -> None:
    """Raise when a command cannot be carried out: NotFoundError for an unknown name, else RefusedError."""
    no = refusal(fleet, policy, command, now)
    if no is not None:
        raise NotFoundError(no.because) if no.unknown else RefusedError(no.because)


def _snapshot(
    fleet: Fleet, policy: Policy, default_stream: str, before: Snapshot | None, *, recorded: bool = True
) -> Snapshot:
    known = before.flags if before is not None else {}
    flags = {}
    for name, state in fleet.streams.items():
        old = known.get(name)
        same = old is not None and old.flag is state.flag
        flags[name] = old if same and old is not None else publish(state.flag, fleet.identity)
    return Snapshot(fleet=fleet, policy=policy, flags=flags, default_stream=default_stream, recorded=recorded)


def publish(flag: Flag, identity: str) -> Published:
    """A flag's bytes and ETag."""
    body = json.dumps(flag.body(), separators=(",", ":"), ensure_ascii=False).encode()
    return Published(flag=flag, body=body, etag=f'"{identity}-{flag.stream}-{flag.epoch}"')
