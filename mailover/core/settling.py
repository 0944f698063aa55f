"""Bringing a fleet in line with its policy: what the config added, removed or changed since the fleet was stored."""

from dataclasses import replace

from mailover.core import flags, operators
from mailover.core.breaker import fresh
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.fleet import unprobed


def settle_policy(draft: Draft) -> None:
    """Add, remove and change what the config says now. An operator's override stays until the config itself changes."""
    policy = draft.policy
    for name in [n for n in draft.breakers if n not in policy.providers]:
        _end_incident(draft, name)
        del draft.breakers[name]
    for name, provider in policy.providers.items():
        breaker = draft.breakers.get(name)
        if breaker is None:
            draft.put(fresh(name, enabled=provider.enabled, now=draft.now))
        elif breaker.enabled_in_config != provider.enabled:
            change, word = (operators.enable, "enabled") if provider.enabled else (operators.disable, "disabled")
            change(draft, name, f"{name} is now {word} in the config")
            draft.put(replace(draft.breakers[name], enabled_in_config=provider.enabled))
    _settle_streams(draft)


def _end_incident(draft: Draft, name: str) -> None:
    """An incident ends with its provider; who was told of the one is told of the other."""
    incident = draft.close_incident(f"provider/{name}")
    if incident is not None:
        because = f"{name} is no longer in the config"
        draft.emit(
            EventType.PROVIDER_DISABLED, incident.subject, Severity.INFO, because, provider=name, incident=incident.id
        )


def _settle_streams(draft: Draft) -> None:
    policy = draft.policy
    for name in [n for n in draft.streams if n not in policy.streams]:
        del draft.streams[name]
    for name, stream in policy.streams.items():
        state = draft.streams.get(name)
        if state is None:
            draft.put_stream(unprobed(stream, policy, draft.now))
            continue
        if state.configured_order != stream.providers:
            state = draft.put_stream(replace(state, configured_order=stream.providers, order=None))
        if state.order is not None and any(p not in policy.providers for p in state.order):
            state = draft.put_stream(replace(state, order=None))
        if state.selected and not stream.mail.selector:
            state = draft.put_stream(replace(state, selected=(), selected_at=None))
        if state.pin is not None and state.pin.provider not in policy.providers:
            flags.end_pin(draft, state, f"the pin of {name} ended: the config has no {state.pin.provider} any more")
