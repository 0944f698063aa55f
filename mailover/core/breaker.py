"""A provider's circuit breaker: its states, the table of its transitions, and all that is remembered of a provider.

What makes it move is decided elsewhere (`judging`, `trials`); here is only what may follow what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailover.core.observations import Depth, Failure, FailureKind, ProbeKind
from mailover.core.policy import BreakerPolicy
from mailover.core.watch import Watch
from mailover.core.windows import Window


class BreakerState(StrEnum):
    """What the breaker says. `closed` lets mail through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    DISABLED = "disabled"


class Signal(StrEnum):
    """What moves a breaker."""

    FAILED = "failed"
    TRIAL_DUE = "trial due"
    TRIAL_FAILED = "trial failed"
    TRIAL_LOST = "trial lost"
    TRIALS_GOOD = "trials good"
    RATE_GOOD = "rate good again"
    DISABLED = "disabled by operator"
    ENABLED = "enabled by operator"


TRANSITIONS: Mapping[tuple[BreakerState, Signal], BreakerState] = {
    (BreakerState.CLOSED, Signal.FAILED): BreakerState.OPEN,
    (BreakerState.OPEN, Signal.TRIAL_DUE): BreakerState.HALF_OPEN,
    (BreakerState.HALF_OPEN, Signal.TRIAL_FAILED): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Signal.TRIAL_LOST): BreakerState.OPEN,
    (BreakerState.HALF_OPEN, Signal.TRIALS_GOOD): BreakerState.CLOSED,
    (BreakerState.OPEN, Signal.RATE_GOOD): BreakerState.CLOSED,
    (BreakerState.CLOSED, Signal.DISABLED): BreakerState.DISABLED,
    (BreakerState.OPEN, Signal.DISABLED): BreakerState.DISABLED,
    (BreakerState.HALF_OPEN, Signal.DISABLED): BreakerState.DISABLED,
    (BreakerState.DISABLED, Signal.ENABLED): BreakerState.CLOSED,
}


class IllegalTransitionError(Exception):
    """A defect in mailover: a breaker was told something that its state does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive failures at one depth."""

    depth: Depth
    since: datetime
    """When the first of them was known (or overdue): only answers to later attempts prove our sight."""
    begun_at: datetime
    """Start of the attempt that failed last."""
    witness_at: datetime | None = None
    """Start of the first attempt after `since` that somebody else answered."""
    length: int
    replied: int
    """How many of them came with a reply."""
    same: int
    """How many in a row were of the latest kind."""
    failure: Failure
    """The latest."""

    @property
    def witnessed(self) -> bool:
        """Whether it went on failing after somebody else had answered: a gap of our own network hits both."""
        return self.witness_at is not None and self.witness_at <= self.begun_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Confirmations under way: started apart, not waiting for each other, stopped by the first success."""

    probe: ProbeKind
    depth: Depth
    since: datetime
    next_at: datetime | None
    """When the next confirmation starts, None when all have started."""
    remaining: int
    spacing: timedelta
    witness_at: datetime | None = None
    """Start of the first attempt after `since` that somebody else answered: proof for the run of an overdue probe."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Probes that check a report: all failing, the report is believed."""

    probe: ProbeKind
    depth: Depth
    reporter: str
    since: datetime
    wanted: int
    failed: int = 0
    failure: Failure | None = None
    """The latest failing probe."""
    witness_at: datetime | None = None
    """Start of the first attempt after `since` that somebody else answered."""
    expires_at: datetime


class Cause(StrEnum):
    """Which rule opened a breaker; it decides how the breaker closes."""

    RUN = "run"
    REPORT = "report"
    BALLOT = "ballot"
    RATIO = "ratio"
    DEGRADED = "degraded"
    LOST = "lost"
    PROBATION = "probation"

    @property
    def by_rate(self) -> bool:
        """Opened by a rate."""
        return self in {Cause.RATIO, Cause.DEGRADED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Why a breaker is open, and its way out."""

    cause: Cause
    depth: Depth
    kind: FailureKind
    at: datetime
    first_signal_at: datetime
    because: str
    share: float = 1.0
    """Failing share when it opened: what `least_bad` compares."""
    trial_at: datetime | None = None
    """When the next trial is due; None for a breaker that closes by rate, and while a trial runs."""
    trial_expires_at: datetime | None = None
    trial_interval: timedelta = timedelta(0)
    good_trials: int = 0
    good_at: datetime | None = None
    """The latest success at its depth since it opened; with every provider down it takes the flag."""

    @property
    def closes_by_rate(self) -> bool:
        """Whether the rate that opened it closes it, without trials; logins that rest have no rate to go by."""
        return self.cause.by_rate and self.kind is not FailureKind.AUTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reported send, as far as it reached."""

    at: datetime
    depth: Depth
    ok: bool
    silent: bool = False
    """It failed without any reply: on a noisy network of ours it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relapse:
    """One time a provider fell again soon after it was trusted again."""

    at: datetime
    reopened: bool
    """Reopened soon after closing (counts at most twice); else it fell as active soon after a fail-back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probation:
    """Closed by logins only: one report of failure at this depth reopens it until then."""

    depth: Depth
    kind: FailureKind
    until: datetime
    trial_interval: timedelta = timedelta(0)
    """The one that led to the closing: should it reopen, the next ones are longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFailure:
    """A failure kept apart, so that good news never washes the evidence away."""

    at: datetime
    failure: Failure
    reporter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """All that is remembered about one provider."""

    provider: str
    state: BreakerState = BreakerState.CLOSED
    since: datetime
    """The last transition; results of attempts begun earlier don't count."""
    enabled_in_config: bool = True
    runs: Mapping[Depth, Run]
    windows: Mapping[Depth, Window]
    burst: Burst | None = None
    verification: Verification | None = None
    verified_at: datetime | None = None
    opening: Opening | None = None
    ballots: Mapping[str, tuple[Outcome, ...]]
    relapses: tuple[Relapse, ...] = ()
    probation: Probation | None = None
    closed_at: datetime | None = None
    """When it last closed after being open."""
    failed_back_at: datetime | None = None
    failed_back_hold: timedelta = timedelta(0)
    answered_at: datetime | None = None
    """Start of the latest attempt that got any answer."""
    ok_at: datetime | None = None
    """End of the latest success."""
    arrived_at: datetime | None = None
    """Start of the latest round trip whose message arrived."""
    silent_since: datetime | None = None
    """Since when attempts here stay without any reply."""
    dates_refused_since: datetime | None = None
    """Since when its certificate is refused for its dates."""
    slow_answers: tuple[bool, ...] = ()
    slow: bool = False
    seconds: float | None = None
    """How long the latest successful port probe took."""
    dns: str = "unknown"
    failures: tuple[PastFailure, ...] = ()
    watch: Watch = field(default_factory=Watch)

    @property
    def enabled(self) -> bool:
        """Whether the operator lets it work."""
        return self.state is not BreakerState.DISABLED

    @property
    def closed(self) -> bool:
        """Whether mail may go through."""
        return self.state is BreakerState.CLOSED

    @property
    def open_for_auth(self) -> bool:
        """Whether logins must rest, so that the provider does not lock the account."""
        return self.opening is not None and self.opening.kind is FailureKind.AUTH

    def relapse_count(self, now: datetime, policy: BreakerPolicy) -> int:
        """How many relapses are not forgotten; reopenings count at most twice."""
        recent = [r for r in self.relapses if r.at > now - policy.relapse_memory]
        reopened = sum(r.reopened for r in recent)
        return len(recent) - reopened + min(2, reopened)

    def hold(self, now: datetime, policy: BreakerPolicy) -> timedelta:
        """How long it must have been closed before the flag returns to it."""
        doublings = min(self.relapse_count(now, policy), 32)
        return min(policy.failback_after * int(2**doublings), policy.failback_max)


def fresh(provider: str, *, enabled: bool, now: datetime) -> Breaker:
    """The breaker of a provider about which nothing is known yet."""
    state = BreakerState.CLOSED if enabled else BreakerState.DISABLED
    return Breaker(
        provider=provider, state=state, since=now, enabled_in_config=enabled, runs={}, windows={}, ballots={}
    )


def move(breaker: Breaker, signal: Signal, now: datetime) -> Breaker:
    """The breaker after a signal, with what the new state must not remember cleared.

    Raises IllegalTransitionError when the table has no such transition.
    """
    target = TRANSITIONS.get((breaker.state, signal))
    if target is None:
        raise IllegalTransitionError(f"{breaker.provider}: {signal} while {breaker.state}")
    moved = replace(breaker, state=target, since=now, burst=None, verification=None)
    if target is BreakerState.CLOSED:
        closed_at = breaker.closed_at if signal is Signal.ENABLED else now
        return replace(moved, runs={}, windows={}, ballots={}, opening=None, closed_at=closed_at)
    if target is BreakerState.DISABLED:
        forgotten = replace(moved, runs={}, windows={}, ballots={}, opening=None, probation=None)
        return replace(forgotten, silent_since=None, dates_refused_since=None)
    if target is BreakerState.OPEN and signal is Signal.FAILED:
        return replace(moved, windows={}, ballots={}, probation=None)
    return moved


def diagram() -> str:
    """The transition table as a Mermaid state diagram; docs/deciding.md shows it, and a test compares the two."""
    arrows = "\n".join(f"    {source} --> {target}: {signal}" for (source, signal), target in TRANSITIONS.items())
    return f"stateDiagram-v2\n    [*] --> {BreakerState.CLOSED}\n{arrows}\n"
