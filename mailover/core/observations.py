"""What can be heard about a provider: stages, depths, failure kinds and their owners, and the observation itself.

Values only. Turning a reply into a failure kind is `classify`; what an observation changes is `decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum


class Stage(StrEnum):
    """A step of the SMTP dialogue, in depth order; `arrive` is the marked message being found in a mailbox."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END_DATA = "end_data"
    QUIT = "quit"
    ARRIVE = "arrive"


class Depth(IntEnum):
    """How far into the dialogue a fact reaches. A success speaks for its own depth and all shallower ones."""

    PORT = 1
    LOGIN = 2
    ENVELOPE = 3
    SEND = 4

    @property
    def word(self) -> str:
        """The depth's name in JSON, logs and sentences."""
        return self.name.lower()


DEPTH_OF: Mapping[Stage, Depth] = {
    Stage.RESOLVE: Depth.PORT,
    Stage.CONNECT: Depth.PORT,
    Stage.BANNER: Depth.PORT,
    Stage.EHLO: Depth.PORT,
    Stage.STARTTLS: Depth.PORT,
    Stage.AUTH: Depth.LOGIN,
    Stage.MAIL: Depth.ENVELOPE,
    Stage.RCPT: Depth.ENVELOPE,
    Stage.DATA: Depth.SEND,
    Stage.END_DATA: Depth.SEND,
    Stage.QUIT: Depth.SEND,
    Stage.ARRIVE: Depth.SEND,
}


class Owner(StrEnum):
    """Who has to mend a failure."""

    PROVIDER = "provider"
    ACCOUNT = "account"
    NOBODY = "nobody"
    LOCAL = "local"


class FailureKind(StrEnum):
    """What went wrong. The kind decides the owner, and the owner decides whether a breaker may move."""

    CONNECTION = "connection"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    TLS = "tls"
    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    AUTH = "auth"
    SUSPENDED = "suspended"
    QUOTA = "quota"
    REPUTATION = "reputation"
    POLICY = "policy"
    RATE_LIMIT = "rate_limit"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    GREYLIST = "greylist"
    LOCAL = "local"

    @property
    def owner(self) -> Owner:
        """Who has to mend it."""
        return _OWNERS[self]

    @property
    def moves_breaker(self) -> bool:
        """Whether a failure of this kind may count against a provider's breaker."""
        return self.owner in {Owner.PROVIDER, Owner.ACCOUNT}


_OWNERS: Mapping[FailureKind, Owner] = {
    FailureKind.CONNECTION: Owner.PROVIDER,
    FailureKind.TIMEOUT: Owner.PROVIDER,
    FailureKind.PROTOCOL: Owner.PROVIDER,
    FailureKind.TLS: Owner.PROVIDER,
    FailureKind.TRANSIENT: Owner.PROVIDER,
    FailureKind.AMBIGUOUS: Owner.PROVIDER,
    FailureKind.AUTH: Owner.ACCOUNT,
    FailureKind.SUSPENDED: Owner.ACCOUNT,
    FailureKind.QUOTA: Owner.ACCOUNT,
    FailureKind.REPUTATION: Owner.ACCOUNT,
    FailureKind.POLICY: Owner.ACCOUNT,
    FailureKind.RATE_LIMIT: Owner.ACCOUNT,
    FailureKind.RECIPIENT: Owner.NOBODY,
    FailureKind.MESSAGE: Owner.NOBODY,
    FailureKind.GREYLIST: Owner.NOBODY,
    FailureKind.LOCAL: Owner.LOCAL,
}

SILENT_KINDS = frozenset({FailureKind.CONNECTION, FailureKind.TIMEOUT, FailureKind.LOCAL})
"""Failures that may come without any reply, so that our own network may be to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure, as met: where, what the peer said (printable, masked, at most 300 characters), and its kind."""

    kind: FailureKind
    stage: Stage
    text: str = ""
    code: int | None = None
    """The reply's three digits (RFC 5321 section 4.2), None when no reply came."""
    enhanced: str | None = None
    """The enhanced status code, as in "5.7.8" (RFC 3463)."""
    replied: bool = False
    """Whether the peer said anything at all in this dialogue; a reply is never our own network's silence."""
    by_date: bool = False
    """A certificate refused only for its dates: when two providers show it at once, our clock is wrong."""

    @property
    def depth(self) -> Depth:
        """The depth whose run this failure adds to."""
        return DEPTH_OF[self.stage]

    @property
    def silent(self) -> bool:
        """No reply at all: our own network may be to blame."""
        return not self.replied and self.kind in SILENT_KINDS


class ProbeKind(StrEnum):
    """One active look at a provider. `envelope` (MAIL, RCPT, RSET, never DATA) only verifies reports."""

    PORT = "port"
    LOGIN = "login"
    ENVELOPE = "envelope"
    ROUND_TRIP = "round_trip"

    @property
    def depth(self) -> Depth:
        """How deep a success of this probe reaches."""
        return {
            ProbeKind.PORT: Depth.PORT,
            ProbeKind.LOGIN: Depth.LOGIN,
            ProbeKind.ENVELOPE: Depth.ENVELOPE,
            ProbeKind.ROUND_TRIP: Depth.SEND,
        }[self]


class Purpose(StrEnum):
    """Why an attempt was made; only scheduled attempts are fair samples of a rate."""

    SCHEDULED = "scheduled"
    CONFIRM = "confirm"
    CANDIDATE = "candidate"
    VERIFY = "verify"
    TRIAL = "trial"
    SIGHT = "sight"
    MANUAL = "manual"
    REHEARSAL = "rehearsal"
    """A login with the password that is to come; it says nothing of the provider."""
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fact heard about one provider, from a probe or from a real send."""

    provider: str
    purpose: Purpose
    depth: Depth
    """On success how deep it reached; on failure the depth of the failing stage."""
    failure: Failure | None = None
    """None means success."""
    started_at: datetime
    finished_at: datetime
    probe: ProbeKind | None = None
    """The kind of probe, None for a report of a real send."""
    reporter: str | None = None
    """Whose report it is (the token's name), None for a probe."""
    count: int = 1
    """How many equal outcomes a report stands for."""
    recipient_domain: str | None = None
    stages: tuple[tuple[Stage, float], ...] = ()
    """Seconds of each stage, in order."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Plain JSON values worth keeping: address, tls version, certificate_not_after, folder, spf, dkim, dmarc."""

    @property
    def ok(self) -> bool:
        """Whether it was a success."""
        return self.failure is None

    @property
    def seconds(self) -> float:
        """How long the attempt took."""
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def answered(self) -> bool:
        """Whether anything at all came back, even a refusal: proof that our own network carries."""
        return self.failure is None or self.failure.replied


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A scheduled probe still unanswered after `slow`: worth confirming before its deadline."""

    provider: str
    probe: ProbeKind
    started_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSeen:
    """A reference target was asked "is it me?"; any answer, even a refusal of the service, is an answer."""

    target: str
    answered: bool
    started_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSeen:
    """The round trips' mailbox could or could not be read; never a provider's fault."""

    readable: bool
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSeen:
    """The store could or could not be written. Not blindness: failing away goes on, failing back waits."""

    writable: bool
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySeen:
    """Our relay has shown no sign of life for too long, or shows one again. It moves no flag."""

    working: bool
    silent_for: timedelta
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWanted:
    """What a stream's selector wants, best first; empty when it has nothing to say, or failed."""

    stream: str
    providers: tuple[str, ...] = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSeen:
    """What a provider told of mail that it had accepted."""

    provider: str
    bounces: int = 0
    """Recipients that do not exist."""
    complaints: int = 0
    """Recipients that called it spam."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsVerdict:
    """What the DNS checks say of a provider: `both`, `dkim_only`, `spf_only`, `none`, `unknown`."""

    provider: str
    """Empty: the domain's own DNS, which is `both` or `none` whoever sends."""
    verdict: str
    at: datetime
    domain: str = ""
    """The From domain; without it nobody is told."""
    because: str = ""
    silent: bool = False
    """Unknown because the DNS did not answer: the last known verdict holds."""
    decides: bool = True
    """Whether it is the domain that the provider sends for, which `require_dns` goes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted:
    """The agent began to decide (start or restart)."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResumed:
    """The agent was suspended (SIGSTOP, a sleeping machine) from `absent_since` until now."""

    absent_since: datetime
    at: datetime
