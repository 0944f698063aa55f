"""The decision: fleet, what was heard, policy and the instant in; the next fleet, and all that comes of it, out.

Pure. `now` is given, ids are numbered by the fleet, and nothing here knows a clock, a socket or a store.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mailover.core import (
    dns_watch,
    flags,
    hearing,
    judging,
    operators,
    postponing,
    queues,
    rehearsing,
    reports,
    repute,
    round_trips,
    selections,
    settling,
    sight,
    trials,
    warnings,
)
from mailover.core.commands import Command
from mailover.core.draft import Decision, Draft, ProbeOrder
from mailover.core.events import EventType, Severity
from mailover.core.fleet import Fleet
from mailover.core.observations import (
    AgentResumed,
    AgentStarted,
    DnsVerdict,
    FeedbackSeen,
    MailboxSeen,
    Observation,
    OrderWanted,
    Overdue,
    ProbeKind,
    Purpose,
    ReferenceSeen,
    RelaySeen,
    StoreSeen,
)
from mailover.core.policy import Policy
from mailover.core.queues import QueueSeen
from mailover.core.sentences import span_words

__all__ = ["Decision", "Heard", "ProbeOrder", "decide", "may_probe", "may_rehearse"]

Heard = (
    Observation
    | Overdue
    | ReferenceSeen
    | MailboxSeen
    | StoreSeen
    | RelaySeen
    | DnsVerdict
    | FeedbackSeen
    | OrderWanted
    | QueueSeen
    | AgentStarted
    | AgentResumed
)


def decide(fleet: Fleet, heard: Sequence[Heard | Command], policy: Policy, now: datetime) -> Decision:
    """What follows from what was heard and from the time alone; `now` is never earlier than the last decision."""
    draft = Draft(fleet, policy, max(now, fleet.decided_at))
    settling.settle_policy(draft)
    for item in heard:
        _hear(draft, item)
        if isinstance(item, Observation):
            _judge(draft, item.provider)
    _let_time_pass(draft)
    for name, breaker in list(draft.breakers.items()):
        if breaker is not fleet.breakers.get(name) or breaker.runs or breaker.verification is not None:
            _judge(draft, name)
    for stream in postponing.in_turn(policy):
        flags.settle(draft, stream)
    _hasten_trials(draft)
    warnings.warn(draft, heard)
    return draft.finish(_wake_at(draft))


def may_probe(fleet: Fleet, provider: str, probe: ProbeKind) -> bool:
    """Whether a scheduled probe may run: never of a disabled provider, no login while it is open for auth."""
    breaker = fleet.breakers.get(provider)
    if breaker is None or not breaker.enabled:
        return False
    return probe is ProbeKind.PORT or not breaker.open_for_auth


def may_rehearse(fleet: Fleet, provider: str) -> bool:
    """Whether the next password may be tried: where a login may be, and not again once it was refused."""
    breaker = fleet.breakers.get(provider)
    refused = breaker is not None and breaker.watch.rehearsal is not None and not breaker.watch.rehearsal.ok
    return may_probe(fleet, provider, ProbeKind.LOGIN) and not refused


def _hear(draft: Draft, item: Heard | Command) -> None:
    match item:
        case Observation():
            by_purpose = {Purpose.REPORT: reports.hear_report, Purpose.REHEARSAL: rehearsing.hear_rehearsal}
            by_purpose.get(item.purpose, hearing.hear_probe)(draft, item)
        case AgentStarted():
            _start(draft)
        case AgentResumed():
            sight.resume(draft, max(item.absent_since, draft.fleet.decided_at))  # others may have decided meanwhile
        case _:
            hear: Callable[[Draft, Any], None] = _FACTS.get(type(item), operators.carry_out)
            hear(draft, item)


def _start(draft: Draft) -> None:
    draft.emit(EventType.AGENT_STARTED, "agent", Severity.INFO, "the agent has started; it probes before it decides")
    sight.resume(draft, draft.fleet.decided_at)


def _hear_store(draft: Draft, seen: StoreSeen) -> None:
    failing = draft.fleet.store_failing_since
    if not seen.writable and failing is None:
        draft.rewrite(store_failing_since=draft.now)
        because = f"the store cannot be written ({seen.text}): failing away goes on unrecorded, failing back waits"
        draft.emit(EventType.STORAGE_FAILING, "agent", Severity.CRITICAL, because)
    elif seen.writable and failing is not None:
        draft.rewrite(store_failing_since=None)
        seconds = round((draft.now - failing).total_seconds(), 3)
        because = "the store can be written again; what happened meanwhile is recorded"
        draft.emit(EventType.STORAGE_RECOVERED, "agent", Severity.INFO, because, seconds=seconds)


def _hear_relay(draft: Draft, seen: RelaySeen) -> None:
    silence, seconds = span_words(seen.silent_for), round(seen.silent_for.total_seconds(), 3)
    if seen.working:
        because = f"the relay takes and sends mail again after {silence}"
        draft.emit(EventType.RELAY_RECOVERED, "agent", Severity.INFO, because, seconds=seconds)
    else:
        because = f"the relay has shown no sign of life for {silence}: mail is neither taken nor sent there"
        draft.emit(EventType.RELAY_FAILING, "agent", Severity.CRITICAL, because, seconds=seconds)


_FACTS: Mapping[type, Callable[[Draft, Any], None]] = {
    Overdue: hearing.hear_overdue,
    ReferenceSeen: sight.hear_reference,
    MailboxSeen: round_trips.hear_mailbox,
    StoreSeen: _hear_store,
    RelaySeen: _hear_relay,
    DnsVerdict: dns_watch.hear,
    FeedbackSeen: repute.hear,
    OrderWanted: selections.hear,
    QueueSeen: queues.hear,
}


def _judge(draft: Draft, provider: str) -> None:
    breaker = draft.breakers.get(provider)
    if breaker is not None:
        judging.judge(draft, breaker)


def _let_time_pass(draft: Draft) -> None:
    """Everything whose time has come: confirmations, verifications, trials, blindness."""
    for name, breaker in list(draft.breakers.items()):
        if breaker.burst is not None:
            hearing.advance_burst(draft, breaker)
        if breaker.verification is not None:
            reports.expire_verification(draft, draft.breakers[name])
        if breaker.opening is not None:
            trials.advance(draft, draft.breakers[name])
    sight.check(draft)


def _hasten_trials(draft: Draft) -> None:
    """A stream that has just run out of providers makes trials due at once."""
    before = draft.fleet.streams
    if any(s.exhausted_since is not None and before.get(n) is not s for n, s in draft.streams.items()):
        for breaker in list(draft.breakers.values()):
            trials.advance(draft, breaker)


def _wake_at(draft: Draft) -> datetime | None:
    """The next instant at which time alone may change something."""
    moments: list[datetime] = []
    blindness = draft.fleet.blindness
    if blindness is not None:
        moments.append(blindness.look_at)
    for breaker in draft.breakers.values():
        if breaker.burst is not None:
            moments.append(breaker.burst.next_at or breaker.burst.expires_at)
        if breaker.verification is not None:
            moments.append(breaker.verification.expires_at)
        if breaker.silent_since is not None and blindness is None:
            limit = breaker.silent_since + draft.policy.sight_limit
            if limit > draft.now:
                moments.append(limit)
        trial = trials.next_at(draft, breaker) if breaker.opening is not None else None
        if trial is not None:
            moments.append(trial)
    for stream in draft.policy.streams.values():
        moments += flags.next_at(draft, stream)
    moments += warnings.next_at(draft)
    return min(moments, default=None)
