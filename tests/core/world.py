"""A small world in virtual time that drives `decide` exactly as the shell does: it starts what a decision wants,
keeps the scheduled cadence with its jitter, says when a probe is overdue, and wakes the core when it asked for it.

It knows the truth about every provider, and measures what the decisions did to mail that is sent all the time.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from mailover.core.commands import Command
from mailover.core.decide import Decision, Heard, ProbeOrder, decide, may_probe
from mailover.core.events import Event, EventType
from mailover.core.fleet import Flag, found
from mailover.core.observations import (
    DEPTH_OF,
    AgentStarted,
    Depth,
    Failure,
    FailureKind,
    MailboxSeen,
    Observation,
    Overdue,
    ProbeKind,
    Purpose,
    ReferenceSeen,
    Stage,
)
from mailover.core.policy import Policy, ProbePolicy
from mailover.core.providers import Provider, Stream

from .trouble import Trouble

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_QUICK = 0.05
_DEADLINE = 10.0
_FORGIVEN = timedelta(seconds=30)
"""A flip that leaves a provider so soon after its trouble ended is late, not wrong."""


def policy_of(names: Iterable[str] = "abc", *, round_trip: bool = False, **stream: object) -> Policy:
    names = tuple(names)
    providers = {n: Provider(name=n, host=f"{n}.example", port=587, sender=f"app@{n}.example") for n in names}
    streams = {"mail": Stream(name="mail", providers=names, **stream)}  # type: ignore[arg-type]
    return Policy(providers=providers, streams=streams, probes=ProbePolicy(round_trip=round_trip))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """An application that tells the outcome of each mail it sends through the flag's provider."""

    name: str
    every: timedelta = timedelta(seconds=5)
    lies: Failure | None = None
    """What it says of every mail, whatever happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The flag's provider changed."""

    at: timedelta
    source: str | None
    target: str | None
    wrong: bool


@dataclass(kw_only=True)
class World:
    """Scripted providers, references, reporters, a mailbox and our own network."""

    policy: Policy = field(default_factory=policy_of)
    seed: int = 0
    troubles: Mapping[str, tuple[Trouble, ...]] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    reporters: tuple[Reporter, ...] = ()
    own_losses: tuple[tuple[timedelta, timedelta, float], ...] = ()
    """Our own network: from, until, lost share of all attempts."""
    mailbox_down: tuple[timedelta, timedelta] | None = None
    port_interval: float = 15.0
    login_interval: float = 60.0
    round_trip_interval: float = 1800.0

    def __post_init__(self) -> None:
        """The agent starts, every schedule at its own random moment."""
        self.now = START
        self.dice = Random(self.seed)
        self.fleet = found(self.policy, "world", START)
        self.events: list[Event] = []
        self.moves: list[Move] = []
        self.refused_logins: list[timedelta] = []
        self.lost_seconds = 0.0
        self.probes = 0
        self._order = count()
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._waking: datetime | None = None
        self.hear(AgentStarted(at=START))
        for name in self.policy.providers:
            self._repeat(self.port_interval, partial(self._scheduled, name, ProbeKind.PORT))
            self._repeat(self.login_interval, partial(self._scheduled, name, ProbeKind.LOGIN))
            if self.policy.probes.round_trip:
                self._repeat(self.round_trip_interval, partial(self._scheduled, name, ProbeKind.ROUND_TRIP))
        for reporter in self.reporters:
            self._repeat(reporter.every.total_seconds(), partial(self._report, reporter))
        if self.references:
            self._repeat(15.0, self._ask_references)
        if self.mailbox_down is not None:
            self._repeat(60.0, self._read_mailbox)
        self._repeat(1.0, self._send, jitter=0.0)

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> timedelta:
        return self.now - START

    def run(self, **span: float) -> "World":
        """Let time pass."""
        until = self.now + timedelta(**span)
        while self._due and self._due[0][0] <= until:
            self.now, _, action = heapq.heappop(self._due)
            action()
        self.now = until
        return self

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self.now + timedelta(seconds=seconds), next(self._order), action))

    def _repeat(self, interval: float, action: Callable[[], object], jitter: float = 0.1) -> None:
        def again() -> None:
            self._after(interval * self.dice.uniform(1 - jitter, 1 + jitter), again)
            action()

        self._after(interval * self.dice.random(), again)

    # -- the shell ------------------------------------------------------------------------------------------------

    def hear(self, *heard: Heard | Command) -> Decision:
        """Decide, then do what the decision wants."""
        before = self.flag
        decision = decide(self.fleet, heard, self.policy, self.now)
        self.fleet = decision.fleet
        self.events += decision.events
        if self.flag.provider != before.provider:
            self._note_move(before.provider, self.flag.provider)
        for order in decision.probes:
            self._start(order)
        if decision.look_at_references:
            self._ask_references()
        if decision.wake_at is not None and decision.wake_at != self._waking:
            assert decision.wake_at > self.now, "the service would spin"
            self._waking = decision.wake_at
            due = decision.wake_at
            self._after((due - self.now).total_seconds(), lambda: self._wake(due))
        return decision

    def _wake(self, due: datetime) -> None:
        if self._waking == due:
            self._waking = None
            self.hear()

    def _scheduled(self, provider: str, probe: ProbeKind) -> None:
        if may_probe(self.fleet, provider, probe):
            self._start(ProbeOrder(provider=provider, probe=probe, purpose=Purpose.SCHEDULED))

    def _start(self, order: ProbeOrder) -> None:
        started, self.probes = self.now, self.probes + 1
        failure, seconds = self._attempt(order.provider, order.probe.depth)
        if failure is not None and failure.kind is FailureKind.AUTH:
            self.refused_logins.append(self.elapsed)
        slow = self.policy.probes.slow.total_seconds()
        if order.purpose is Purpose.SCHEDULED and seconds > slow and order.probe is not ProbeKind.ROUND_TRIP:
            late = Overdue(provider=order.provider, probe=order.probe, started_at=started, at=self.now)
            self._after(slow, lambda: self.hear(late))

        def finish() -> None:
            depth = order.probe.depth if failure is None else failure.depth
            self.hear(
                Observation(
                    provider=order.provider,
                    purpose=order.purpose,
                    depth=depth,
                    failure=failure,
                    started_at=started,
                    finished_at=self.now,
                    probe=order.probe,
                )
            )

        self._after(seconds, finish)

    def _attempt(self, provider: str, reach: Depth) -> tuple[Failure | None, float]:
        """What a probe of this reach meets now, and how long it takes."""
        if self.dice.random() < self._own_loss():
            return Failure(kind=FailureKind.TIMEOUT, stage=Stage.CONNECT, text="timed out"), _DEADLINE
        met = [t for t in self.troubles.get(provider, ()) if t.bites(self.elapsed) and t.depth <= reach]
        for trouble in sorted(met, key=lambda t: t.depth):
            if self.dice.random() < trouble.share and not trouble.blames_nobody:
                return trouble.failure, trouble.seconds
        if reach is Depth.SEND and self._mailbox_is_down():
            lost = Failure(kind=FailureKind.TIMEOUT, stage=Stage.ARRIVE, text="did not arrive", replied=True)
            return lost, self.policy.probes.round_trip_deadline.total_seconds()
        return None, 2.0 if reach is Depth.SEND else _QUICK

    def _ask_references(self) -> None:
        for target in self.references:
            lost = self.dice.random() < self._own_loss()
            self._after(3.0 if lost else _QUICK, partial(self._hear_reference, target, self.now, answered=not lost))

    def _hear_reference(self, target: str, started_at: datetime, *, answered: bool) -> None:
        self.hear(ReferenceSeen(target=target, answered=answered, started_at=started_at, at=self.now))

    def _own_loss(self) -> float:
        return max((share for since, until, share in self.own_losses if since <= self.elapsed < until), default=0.0)

    def _mailbox_is_down(self) -> bool:
        return self.mailbox_down is not None and self.mailbox_down[0] <= self.elapsed < self.mailbox_down[1]

    def _read_mailbox(self) -> None:
        self.hear(MailboxSeen(readable=not self._mailbox_is_down(), at=self.now, text="connection refused"))

    def _report(self, reporter: Reporter) -> None:
        provider = self.flag.provider
        if provider is None:
            return
        failure = reporter.lies or self._send_once(provider)
        depth = DEPTH_OF[failure.stage] if failure is not None else Depth.SEND
        told = Observation(
            provider=provider,
            purpose=Purpose.REPORT,
            depth=depth,
            failure=failure,
            started_at=self.now,
            finished_at=self.now,
            reporter=reporter.name,
        )
        self.hear(told)

    def _send_once(self, provider: str) -> Failure | None:
        for trouble in self.troubles.get(provider, ()):
            bites = trouble.stage is not Stage.ARRIVE and trouble.bites(self.elapsed)
            if bites and self.dice.random() < trouble.share:
                return trouble.failure
        return None

    # -- the truth ------------------------------------------------------------------------------------------------

    @property
    def flag(self) -> Flag:
        return self.fleet.streams["mail"].flag

    def failing_share(self, provider: str) -> float:
        """How much of the mail that goes there now fails or is lost."""
        biting = (t.share for t in self.troubles.get(provider, ()) if t.bites(self.elapsed) and not t.blames_nobody)
        return max(biting, default=0.0)

    def _in_trouble(self, provider: str, *, lately: bool = False) -> bool:
        moments = (self.elapsed, max(timedelta(0), self.elapsed - _FORGIVEN)) if lately else (self.elapsed,)
        real = [t for t in self.troubles.get(provider, ()) if not t.blames_nobody]
        return any(t.lasts(moment) for t in real for moment in moments)

    def _note_move(self, source: str | None, target: str | None) -> None:
        names = self.policy.streams["mail"].providers
        sound = [n for n in names if not self._in_trouble(n)]
        upwards = source in names and target in names and names.index(target or "") < names.index(source or "")
        left_a_sound_one = source is not None and not self._in_trouble(source, lately=True) and not upwards
        took_a_broken_one = target is not None and self.failing_share(target) > 0 and bool(sound)
        wrong = left_a_sound_one or took_a_broken_one
        self.moves.append(Move(at=self.elapsed, source=source, target=target, wrong=wrong))

    def _send(self) -> None:
        provider = self.flag.provider
        self.lost_seconds += self.failing_share(provider) if provider is not None else 1.0

    # -- the measures ---------------------------------------------------------------------------------------------

    @property
    def failing_minutes(self) -> float:
        """Minutes of failing mail of a stream that sends all the time."""
        return self.lost_seconds / 60

    @property
    def flips(self) -> int:
        return len(self.moves)

    @property
    def wrong_flips(self) -> list[Move]:
        return [move for move in self.moves if move.wrong]

    def said(self, kind: EventType) -> list[Event]:
        """Every event of a type."""
        return [event for event in self.events if event.type is kind]
