"""Operators' commands: which must be refused, and what the others change. They outrank automation, also while blind."""

from dataclasses import dataclass, replace
from datetime import datetime

from mailover.core.breaker import Signal, move
from mailover.core.commands import (
    AcknowledgeIncident,
    Command,
    DisableProvider,
    EnableProvider,
    FailBack,
    PauseFailback,
    PinProvider,
    ReorderStream,
    ResumeFailback,
    Unpin,
)
from mailover.core.draft import Draft, Wish
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.flags import candidates, end_pause, end_pin
from mailover.core.fleet import Fleet, Incident, Pin
from mailover.core.observations import ProbeKind, Purpose
from mailover.core.policy import Policy
from mailover.core.sentences import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a command cannot be carried out."""

    because: str
    unknown: bool = False
    """It names something that does not exist."""


def refusal(fleet: Fleet, policy: Policy, command: Command, now: datetime) -> Refusal | None:
    """Why this command must be refused now, None when it can be carried out."""
    if isinstance(command, AcknowledgeIncident):
        known = any(i.id == command.incident for i in fleet.incidents.values())
        return None if known else Refusal(because=f"no open incident has the id {command.incident!r}", unknown=True)
    if isinstance(command, EnableProvider | DisableProvider):
        return _unknown_provider(fleet, command.provider)
    if command.stream not in policy.streams or command.stream not in fleet.streams:
        return Refusal(because=f"no stream is called {command.stream!r}", unknown=True)
    match command:
        case ReorderStream():
            return _refuse_order(policy, command)
        case PinProvider():
            return _refuse_pin(fleet, policy, command, now)
        case PauseFailback() if command.until <= now:
            return Refusal(because=f"the pause would have ended already, at {rfc3339(command.until)}")
        case FailBack():
            return _refuse_failback(fleet, policy, command, now)
        case _:
            return None


def _unknown_provider(fleet: Fleet, name: str) -> Refusal | None:
    if name in fleet.breakers:
        return None
    return Refusal(because=f"no provider is called {name!r}", unknown=True)


def _refuse_order(policy: Policy, command: ReorderStream) -> Refusal | None:
    unknown = [p for p in command.providers if p not in policy.providers]
    if unknown:
        return Refusal(because=f"no provider is called {unknown[0]!r}")
    if not command.providers:
        return Refusal(because="an order needs at least one provider")
    if len(set(command.providers)) != len(command.providers):
        return Refusal(because="an order names each provider once")
    return None


def _refuse_pin(fleet: Fleet, policy: Policy, command: PinProvider, now: datetime) -> Refusal | None:
    allowed = fleet.streams[command.stream].order or policy.streams[command.stream].providers
    if command.provider not in allowed:
        return Refusal(because=f"{command.provider!r} is not a provider of {command.stream}: {listed(allowed)} are")
    breaker = fleet.breakers.get(command.provider)
    if breaker is None or not breaker.enabled:
        return Refusal(because=f"{command.provider} is disabled: enable it first")
    if command.until <= now:
        return Refusal(because=f"the pin would have ended already, at {rfc3339(command.until)}")
    return None


def _refuse_failback(fleet: Fleet, policy: Policy, command: FailBack, now: datetime) -> Refusal | None:
    state = fleet.streams[command.stream]
    if state.pin is not None and now < state.pin.until:
        return Refusal(because=f"{command.stream} is pinned to {state.pin.provider}: unpin it first")
    draft = Draft(fleet, policy, now)
    order, active = draft.order_of(command.stream), state.flag.provider
    better = order[: order.index(active)] if active in order else order
    if better and not set(candidates(draft, policy.streams[command.stream]).ready) & set(better):
        return Refusal(because=f"nothing better than {active} is healthy")
    return None


def carry_out(draft: Draft, command: Command) -> None:
    """Change what an operator's command changes. The caller has asked `refusal` first."""
    match command:
        case EnableProvider():
            enable(draft, command.provider, f"{command.provider} was enabled{_by(command.by)}")
        case DisableProvider():
            disable(draft, command.provider, f"{command.provider} was disabled{_by(command.by)}")
        case ReorderStream():
            order = command.providers
            configured = draft.policy.streams[command.stream].providers
            state = draft.streams[command.stream]
            draft.put_stream(replace(state, order=None if order == configured else order))
            draft.failing_back[command.stream] = Wish(by=command.by)
        case PinProvider():
            _pin(draft, command)
        case Unpin():
            because = f"{command.stream} was unpinned{_by(command.by)}"
            end_pin(draft, draft.streams[command.stream], because, command.by)
        case FailBack():
            draft.failing_back[command.stream] = Wish(by=command.by, incident=command.incident)
        case PauseFailback():
            _pause(draft, command)
        case ResumeFailback():
            because = f"the fail-back pause of {command.stream} was ended{_by(command.by)}"
            end_pause(draft, draft.streams[command.stream], because, command.by)
        case AcknowledgeIncident():
            found = next(i for i in draft.incidents.values() if i.id == command.incident)
            _acknowledge(draft, found, command.by)


def _acknowledge(draft: Draft, incident: Incident, by: str) -> None:
    if incident.acknowledged_at is not None and incident.acknowledged_by == by:
        return
    draft.acknowledge(incident, by)
    draft.emit(
        EventType.INCIDENT_ACKNOWLEDGED,
        incident.subject,
        Severity.INFO,
        f"{by or 'somebody'} looks after it: {incident.because}",
        incident=incident.id,
        by=by or None,
    )


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _pin(draft: Draft, command: PinProvider) -> None:
    state = draft.streams[command.stream]
    pin = Pin(provider=command.provider, until=command.until, reason=command.reason, by=command.by)
    draft.put_stream(replace(state, pin=pin))
    reason = f": {command.reason}" if command.reason else ""
    draft.emit(
        EventType.STREAM_PINNED,
        f"stream/{command.stream}",
        Severity.INFO,
        f"{command.stream} is pinned to {command.provider} until {rfc3339(command.until)}{_by(command.by)}{reason}",
        stream=command.stream,
        provider=command.provider,
        from_=state.flag.provider,
        to=command.provider,
        until=rfc3339(command.until),
        reason=command.reason or None,
        by=command.by or None,
        incident=command.incident or draft.incident_of(command.stream),
    )


def _pause(draft: Draft, command: PauseFailback) -> None:
    state = draft.streams[command.stream]
    if state.failback_paused_until == command.until:
        return
    draft.put_stream(replace(state, failback_paused_until=command.until))
    until = rfc3339(command.until)
    draft.emit(
        EventType.FAILBACK_PAUSED,
        f"stream/{command.stream}",
        Severity.INFO,
        f"the fail-back of {command.stream} is paused until {until}{_by(command.by)}",
        stream=command.stream,
        provider=state.flag.provider,
        until=until,
        by=command.by or None,
        incident=command.incident or draft.incident_of(command.stream),
    )


def enable(draft: Draft, name: str, because: str) -> None:
    """Let a provider work again; it starts closed and is probed at once."""
    breaker = draft.breakers[name]
    if breaker.enabled:
        return
    draft.put(move(breaker, Signal.ENABLED, draft.now))
    draft.emit(EventType.PROVIDER_ENABLED, f"provider/{name}", Severity.INFO, because, provider=name)
    draft.probe(name, ProbeKind.PORT, Purpose.SIGHT)


def disable(draft: Draft, name: str, because: str) -> None:
    """Take a provider out; a pin to it ends in the same transaction."""
    breaker = draft.breakers[name]
    if not breaker.enabled:
        return
    draft.put(move(breaker, Signal.DISABLED, draft.now))
    subject = f"provider/{name}"
    incident = draft.incident_id(subject)
    draft.emit(EventType.PROVIDER_DISABLED, subject, Severity.INFO, because, provider=name, incident=incident)
    for state in list(draft.streams.values()):
        if state.pin is not None and state.pin.provider == name:
            end_pin(draft, state, f"the pin of {state.flag.stream} ended: {because}")
    draft.close_incident(subject)
