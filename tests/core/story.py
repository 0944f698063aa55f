"""Telling the core one fact after another, at instants of the test's choosing, and reading off what it made of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailover.core.breaker import Breaker, BreakerState
from mailover.core.commands import Command
from mailover.core.decide import Decision, Heard, decide
from mailover.core.events import Event, EventType
from mailover.core.fleet import Flag, StreamState, found
from mailover.core.observations import (
    Depth,
    DnsVerdict,
    Failure,
    FailureKind,
    MailboxSeen,
    Observation,
    Overdue,
    ProbeKind,
    Purpose,
    ReferenceSeen,
    Stage,
    StoreSeen,
)
from mailover.core.operators import refusal
from mailover.core.policy import Policy, ProbePolicy
from mailover.core.providers import Provider, Stream

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def fault(kind: FailureKind, stage: Stage, code: int | None = None, text: str = "") -> Failure:
    said = text or str(kind)
    return Failure(kind=kind, stage=stage, code=code, text=said, replied=code is not None or stage is Stage.ARRIVE)


BUSY = fault(FailureKind.TRANSIENT, Stage.BANNER, 421, "421 too busy")
REFUSED = fault(FailureKind.CONNECTION, Stage.CONNECT, text="connection refused")
SILENT = fault(FailureKind.TIMEOUT, Stage.CONNECT, text="timed out")
BAD_LOGIN = fault(FailureKind.AUTH, Stage.AUTH, 535, "535 5.7.8 bad credentials")
LOGIN_BUSY = fault(FailureKind.TRANSIENT, Stage.AUTH, 454, "454 try later")
MAIL_BUSY = fault(FailureKind.TRANSIENT, Stage.MAIL, 451, "451 try later")
SUSPENDED = fault(FailureKind.SUSPENDED, Stage.AUTH, 550, "550 account suspended")
QUOTA = fault(FailureKind.QUOTA, Stage.MAIL, 451, "451 credits exhausted")
THROTTLED = fault(FailureKind.RATE_LIMIT, Stage.AUTH, 454, "454 throttling")
NO_SUCH_USER = fault(FailureKind.RECIPIENT, Stage.RCPT, 550, "550 5.1.1 no such user")
DATA_BROKEN = fault(FailureKind.TRANSIENT, Stage.END_DATA, 451, "451 local error")
LOST = fault(FailureKind.TIMEOUT, Stage.ARRIVE, text="did not arrive")
OURS = fault(FailureKind.LOCAL, Stage.CONNECT, text="too many open files")
EXPIRED = replace(fault(FailureKind.TLS, Stage.STARTTLS, text="certificate has expired"), by_date=True, replied=True)


def policy_of(names: str = "abc", *, round_trip: bool = False, shadow: str = "", **stream: object) -> Policy:
    """A policy with one stream, `mail`, over providers of one letter each."""
    providers = {
        n: Provider(name=n, host=f"{n}.example", port=587, sender=f"app@{n}.example", shadow=n in shadow) for n in names
    }
    streams = {"mail": Stream(name="mail", providers=tuple(names), **stream)}  # type: ignore[arg-type]
    return Policy(providers=providers, streams=streams, probes=ProbePolicy(round_trip=round_trip))


class Story:
    """A fleet, and what happens to it."""

    def __init__(self, policy: Policy | str = "abc", **stream: object) -> None:
        self.policy = policy_of(policy, **stream) if isinstance(policy, str) else policy  # type: ignore[arg-type]
        self.now = START
        self.fleet = found(self.policy, "tale", START)
        self.events: list[Event] = []
        self.orders: list[tuple[float, str, str, str]] = []
        self.wake_at: datetime | None = None
        self.last = self.hear()

    # -- telling --------------------------------------------------------------------------------------------------

    def hear(self, *heard: Heard | Command) -> Decision:
        """One decision; its events and wanted probes are kept."""
        decision = decide(self.fleet, heard, self.policy, self.now)
        self.fleet, self.wake_at, self.last = decision.fleet, decision.wake_at, decision
        self.events += decision.events
        self.orders += [(self.seconds, o.provider, str(o.probe), str(o.purpose)) for o in decision.probes]
        assert self.wake_at is None or self.wake_at > self.now
        return decision

    def later(self, seconds: float = 0, *, minutes: float = 0) -> "Story":
        """Time passes; the core is woken whenever it asked for it."""
        until = self.now + timedelta(seconds=seconds, minutes=minutes)
        while self.wake_at is not None and self.wake_at <= until:
            self.now = self.wake_at
            self.hear()
        self.now = until
        return self

    def sees(
        self,
        provider: str,
        failure: Failure | None = None,
        *,
        probe: ProbeKind = ProbeKind.PORT,
        purpose: Purpose = Purpose.SCHEDULED,
        took: float = 0.0,
        times: int = 1,
    ) -> "Story":
        """A probe of the provider came back, once or several times."""
        for _ in range(times):
            self.hear(
                Observation(
                    provider=provider,
                    purpose=purpose,
                    depth=probe.depth if failure is None else failure.depth,
                    failure=failure,
                    started_at=self.now - timedelta(seconds=took),
                    finished_at=self.now,
                    probe=probe,
                )
            )
        return self

    def logs_in(self, provider: str, failure: Failure | None = None, **how: object) -> "Story":
        return self.sees(provider, failure, probe=ProbeKind.LOGIN, **how)  # type: ignore[arg-type]

    def sends(self, provider: str, failure: Failure | None = None, **how: object) -> "Story":
        """A round trip came back."""
        return self.sees(provider, failure, probe=ProbeKind.ROUND_TRIP, **how)  # type: ignore[arg-type]

    def told(
        self,
        provider: str,
        failure: Failure | None = None,
        *,
        by: str = "shop",
        count: int = 1,
        depth: Depth = Depth.SEND,
    ) -> "Story":
        """An application reports the outcome of real mail."""
        self.hear(
            Observation(
                provider=provider,
                purpose=Purpose.REPORT,
                depth=depth if failure is None else failure.depth,
                failure=failure,
                started_at=self.now,
                finished_at=self.now,
                reporter=by,
                count=count,
            )
        )
        return self

    def overdue(self, provider: str, probe: ProbeKind = ProbeKind.PORT) -> "Story":
        late = self.now - self.policy.probes.slow
        self.hear(Overdue(provider=provider, probe=probe, started_at=late, at=self.now))
        return self

    def reference(self, *, answered: bool = True) -> "Story":
        self.hear(ReferenceSeen(target="ref.example", answered=answered, started_at=self.now, at=self.now))
        return self

    def mailbox(self, *, readable: bool) -> "Story":
        self.hear(MailboxSeen(readable=readable, at=self.now, text="connection refused"))
        return self

    def store(self, *, writable: bool) -> "Story":
        self.hear(StoreSeen(writable=writable, at=self.now, text="disk full"))
        return self

    def dns(self, provider: str, verdict: str) -> "Story":
        self.hear(DnsVerdict(provider=provider, verdict=verdict, at=self.now))
        return self

    def ordered(self, command: Command) -> "Story":
        """An operator's command, which must not be refused."""
        assert refusal(self.fleet, self.policy, command, self.now) is None
        self.hear(command)
        return self

    def breaks(self, *providers: str, failure: Failure = BUSY) -> "Story":
        """Three failing probes open a breaker."""
        for provider in providers:
            self.sees(provider, failure, times=3)
            assert self.state(provider) is BreakerState.OPEN
        return self

    def recovers(self, provider: str) -> "Story":
        """Trials are answered until the breaker closes."""
        for _ in range(self.policy.breaker.successes):
            trial = self.until_trial(provider)
            self.sees(provider, probe=trial, purpose=Purpose.TRIAL)
        assert self.state(provider) is BreakerState.CLOSED
        return self

    def until_trial(self, provider: str) -> ProbeKind:
        """Let time pass until the provider's next trial starts; the probe it is made with."""
        patience = self.now + timedelta(hours=3)
        while True:
            before = len(self.orders)
            assert self.wake_at is not None, "no trial is due"
            assert self.wake_at < patience, "no trial comes"
            self.now = self.wake_at
            self.hear()
            for _, name, probe, purpose in self.orders[before:]:
                if name == provider and purpose == Purpose.TRIAL:
                    return ProbeKind(probe)

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    @property
    def stream(self) -> StreamState:
        return self.fleet.streams["mail"]

    @property
    def flag(self) -> Flag:
        return self.stream.flag

    def breaker(self, provider: str) -> Breaker:
        return self.fleet.breakers[provider]

    def state(self, provider: str) -> BreakerState:
        return self.breaker(provider).state

    def said(self, kind: EventType) -> list[Event]:
        return [event for event in self.events if event.type is kind]

    def because(self, kind: EventType) -> str:
        """The sentence of the latest event of a type."""
        return self.said(kind)[-1].because

    def wanted(self, purpose: Purpose) -> list[tuple[float, str, str]]:
        """When, whom and how: every probe wanted for this purpose."""
        return [(at, name, probe) for at, name, probe, why in self.orders if why == purpose]
