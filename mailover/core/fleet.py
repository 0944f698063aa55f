"""The fleet: the one immutable snapshot of all breakers, streams, overrides and incidents. The flag is read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from mailover.core.breaker import Breaker, fresh
from mailover.core.events import Severity, rfc3339
from mailover.core.observations import FailureKind
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream, Tls
from mailover.core.windows import Window


class Mode(StrEnum):
    """Why the flag says what it says; the first that applies, in this order."""

    PINNED = "pinned"
    BLIND = "blind"
    EXHAUSTED = "exhausted"
    BALANCE = "balance"
    FAILOVER = "failover"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What the fleet says about one stream: the contract of `GET /v1/active-provider`."""

    stream: str
    provider: str | None
    host: str | None = None
    port: int | None = None
    tls: Tls | None = None
    sender: str | None = None
    fallbacks: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    mode: Mode = Mode.NORMAL
    sending: bool = True
    because: str
    epoch: int = 1
    since: datetime
    """When the provider last changed."""
    valid_for: timedelta = timedelta(minutes=1)

    def body(self) -> dict[str, object]:
        """The flag as JSON, key by key as the contract has it."""
        return {
            "stream": self.stream,
            "provider": self.provider,
            "host": self.host,
            "port": self.port,
            "tls": self.tls and str(self.tls),
            "from": self.sender,
            "fallbacks": list(self.fallbacks),
            "weights": dict(self.weights),
            "mode": str(self.mode),
            "sending": self.sending,
            "because": self.because,
            "epoch": self.epoch,
            "since": rfc3339(self.since),
            "valid_for_seconds": int(self.valid_for.total_seconds()),
        }

    def same_answer(self, other: "Flag") -> bool:
        """Whether a reader would do the same with both; wording and the epoch itself don't count."""
        return self.answer() == other.answer()

    def answer(self) -> tuple[object, ...]:
        """What a reader acts upon."""
        account = (self.provider, self.host, self.port, self.tls, self.sender)
        return (*account, self.fallbacks, self.weights, self.mode, self.sending, self.valid_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """An operator's choice with an expiry that automation may not undo."""

    provider: str
    until: datetime
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """One stream's flag and the overrides upon it."""

    flag: Flag
    configured_order: tuple[str, ...]
    """The config's order when an override was last compared with it."""
    order: tuple[str, ...] | None = None
    """The operator's order, None for the config's."""
    selected: tuple[str, ...] = ()
    """What the stream's selector wants, best first; empty: it has nothing to say."""
    selected_at: datetime | None = None
    pin: Pin | None = None
    failback_paused_until: datetime | None = None
    leaving_since: datetime | None = None
    """The active provider is open and every candidate has an open run: waiting for their confirmations."""
    exhausted_since: datetime | None = None
    spare_missing: bool = False
    failed_over_at: tuple[datetime, ...] = ()
    """Its failovers of the last day."""
    excess_told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """How far a reporter (a token) is believed: contradicted by probes, it starts none for a while."""

    muted_until: datetime
    mute: timedelta
    """The latest mute; the next one is twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blindness:
    """The agent cannot trust its own view."""

    since: datetime
    because: str
    by_clock: bool = False
    """Certificates refused for their dates everywhere: our clock is wrong, not the network."""
    by_port: bool = False
    """References answer and no provider can be reached: only a provider's port ends it."""
    look_at: datetime
    """When to look for an answer next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """The round trips' mailbox is in trouble."""

    since: datetime
    unreadable: bool
    """It could not be opened at all; else messages of several providers did not show up in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsStanding:
    """What is known of a domain's DNS, by itself or for one provider."""

    verdict: str
    """The last known one."""
    because: str
    known_at: datetime | None = None
    """When that was; None: never."""
    heard_at: datetime
    silent_since: datetime | None = None
    """Since when the DNS has given no answer."""
    broken: bool = False
    """People were told that it is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStanding:
    """What was last thought of the relay's queue of one stream."""

    stuck_since: datetime | None = None
    """Since when more waits than should, without becoming fewer."""
    queued: int = 0
    """How much it was then."""
    growing_since: datetime | None = None
    """Since when people know."""
    ambiguous: int = 0
    """Mails of that fate that people know of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """From the first failing signal to the recovery; belongs to one provider, or to the agent."""

    id: str
    subject: str
    severity: Severity
    opened_at: datetime
    """The first failing signal."""
    detected_at: datetime
    because: str
    failure_kind: FailureKind | None = None
    streams: tuple[str, ...] = ()
    """The streams it touched."""
    closed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None

    def body(self) -> dict[str, object]:
        """The incident as JSON."""
        return {
            "id": self.id,
            "subject": self.subject,
            "severity": str(self.severity),
            "opened_at": rfc3339(self.opened_at),
            "detected_at": rfc3339(self.detected_at),
            "closed_at": self.closed_at and rfc3339(self.closed_at),
            "because": self.because,
            "failure_kind": self.failure_kind and str(self.failure_kind),
            "streams": list(self.streams),
            "acknowledged_at": self.acknowledged_at and rfc3339(self.acknowledged_at),
            "acknowledged_by": self.acknowledged_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Everything the core knows. Version n+1 replaces version n whole."""

    identity: str
    """A few letters that make this store's ids unlike those of any other."""
    version: int = 0
    decided_at: datetime
    resumed_at: datetime
    """Start, wake-up or regained sight: a timer moves no flag before its provider has answered since."""
    breakers: Mapping[str, Breaker]
    streams: Mapping[str, StreamState]
    reporters: Mapping[str, Reporter] = field(default_factory=dict)
    references: Window = ()
    reference_answered_at: datetime | None = None
    """Start of the latest attempt that a reference answered."""
    port_answered_at: datetime | None = None
    """Start of the latest attempt that a reference on a provider's own port answered."""
    blindness: Blindness | None = None
    mailbox: Mailbox | None = None
    store_failing_since: datetime | None = None
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """The open ones, by subject."""
    events: int = 0
    """How many events were ever made; numbers the next one."""
    incidents_made: int = 0
    dns: Mapping[str, DnsStanding] = field(default_factory=dict)
    """By domain, and by domain and provider with a slash between."""
    queues: Mapping[str, QueueStanding] = field(default_factory=dict)
    """By stream."""
    reminded_at: datetime | None = None
    """When people were last reminded of incidents that nobody acknowledged."""


class Account(TypedDict):
    """The fields of a flag that say where its provider is."""

    host: str | None
    port: int | None
    tls: Tls | None
    sender: str | None


def account(provider: Provider | None) -> Account:
    """Where a provider is, as the flag says it."""
    if provider is None:
        return {"host": None, "port": None, "tls": None, "sender": None}
    return {"host": provider.host, "port": provider.port, "tls": provider.tls, "sender": provider.sender or None}


def found(policy: Policy, identity: str, now: datetime) -> Fleet:
    """The fleet before the first probe: every enabled provider closed, every flag on the first in order."""
    return Fleet(
        identity=identity,
        decided_at=now,
        resumed_at=now,
        breakers={p.name: fresh(p.name, enabled=p.enabled, now=now) for p in policy.providers.values()},
        streams={s.name: unprobed(s, policy, now) for s in policy.streams.values()},
    )


def unprobed(stream: Stream, policy: Policy, now: datetime) -> StreamState:
    """A stream that was never decided upon: its flag names the first enabled provider in order."""
    enabled = [p for p in stream.providers if policy.providers[p].enabled]
    first = enabled[0] if enabled else None
    because = f"{first} is first in order and not yet probed" if first else "every provider of this stream is disabled"
    flag = Flag(
        stream=stream.name,
        provider=first,
        fallbacks=tuple(enabled[1:]),
        weights={first: 1.0} if first else {},
        sending=first is not None,
        because=because,
        since=now,
        valid_for=policy.valid_for,
        **account(policy.providers.get(first or "")),
    )
    return StreamState(flag=flag, configured_order=stream.providers)
