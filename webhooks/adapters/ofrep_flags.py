"""The flags that OpenFeature's SDKs evaluate, and what they say in a context: pure, from the snapshot alone.

How they travel is `ofrep`'s business.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailover.core.providers import Provider
from mailover.service import Snapshot
from webhooks.adapters.choice import providers_for

_HEALTHY = re.compile(r"provider-(.+)-healthy")
_TEXTS = ("stream", "recipient", "recipientDomain", "region", "targetingKey")


class ContextError(ValueError):
    """A context that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """For what a flag is evaluated."""

    stream: str
    named: bool
    """Whether the caller named the stream."""
    key: str
    """What sticks to one provider where several share: the targeting key, else the recipient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What a flag says. Always with a value, a variant and a reason: some SDKs refuse an answer without."""

    key: str
    value: object
    variant: str
    reason: str

    def body(self, snapshot: Snapshot, stream: str) -> dict[str, object]:
        """It as OFREP writes it, with what it was taken from; metadata has plain values only."""
        flag = snapshot.flags[stream].flag
        metadata = {"stream": stream, "epoch": flag.epoch, "mode": str(flag.mode), "because": flag.because}
        told = {"key": self.key, "value": self.value, "reason": self.reason, "variant": self.variant}
        return {**told, "metadata": metadata}


def read_context(snapshot: Snapshot, given: object) -> Context:
    """The context in a request; whatever else applications put into theirs is passed over. Raises ContextError."""
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ContextError("context must be an object")
    for name in _TEXTS:
        if not isinstance(given.get(name) or "", str):
            raise ContextError(f"{name} must be a text")
    stream = given.get("stream") or snapshot.default_stream
    if stream not in snapshot.flags:
        raise ContextError(f"no stream is called {stream!r}")
    key = given.get("targetingKey") or str(given.get("recipient") or "").lower()
    return Context(stream=stream, named=bool(given.get("stream")), key=key)


def flag_keys(snapshot: Snapshot) -> Iterator[str]:
    """Every flag there is."""
    yield from ("active-provider", "smtp-relay", "sending-enabled", "backup-share")
    yield from (f"provider-{name}-healthy" for name in snapshot.fleet.breakers)


def evaluate(snapshot: Snapshot, key: str, context: Context) -> Evaluated | None:
    """What a flag says; None for one that does not exist."""
    if key == "active-provider":
        name = next((provider.name for provider in _ways(snapshot, context)), "")
        return Evaluated(key=key, value=name, variant=name or "none", reason=_reason(snapshot, context))
    if key == "smtp-relay":
        ways = _ways(snapshot, context)
        variant = ways[0].name if ways else "none"
        return Evaluated(key=key, value=_relay(ways), variant=variant, reason=_reason(snapshot, context))
    plain = "TARGETING_MATCH" if context.named else "STATIC"
    if key == "sending-enabled":
        sending = snapshot.flags[context.stream].flag.sending
        return Evaluated(key=key, value=sending, variant="on" if sending else "off", reason=plain)
    if key == "backup-share":
        share = _backup_share(snapshot, context.stream)
        return Evaluated(key=key, value=share, variant="warm" if share else "idle", reason=plain)
    found = _HEALTHY.fullmatch(key)
    breaker = snapshot.fleet.breakers.get(found[1]) if found is not None else None
    if breaker is None:
        return None
    variant = "healthy" if breaker.closed else "unhealthy"
    return Evaluated(key=key, value=breaker.closed, variant=variant, reason="STATIC")


def _ways(snapshot: Snapshot, context: Context) -> tuple[Provider, ...]:
    return providers_for(snapshot, context.stream, context.key)


def _reason(snapshot: Snapshot, context: Context) -> str:
    if context.key and len(snapshot.flags[context.stream].flag.weights) > 1:
        return "SPLIT"
    return "TARGETING_MATCH" if context.named else "STATIC"


def _relay(ways: tuple[Provider, ...]) -> dict[str, object]:
    """Where to send, and where next; nothing but nulls while mail has to wait."""
    first = _place(ways[0]) if ways else dict.fromkeys(("provider", "host", "port", "tls", "from"))
    return {**first, "fallbacks": [_place(provider) for provider in ways[1:]]}


def _place(provider: Provider) -> dict[str, object]:
    return {
        "provider": provider.name,
        "host": provider.host,
        "port": provider.port,
        "tls": str(provider.tls),
        "from": provider.sender or None,
    }


def _backup_share(snapshot: Snapshot, stream: str) -> float:
    """The part of the stream's mail, 0.0 to 1.0, that goes elsewhere than to the first provider of its order."""
    state, configured = snapshot.fleet.streams[stream], snapshot.policy.streams.get(stream)
    order = state.order or (configured.providers if configured is not None else state.configured_order)
    if state.flag.provider is None:
        return 0.0
    return float(round(1.0 - state.flag.weights.get(order[0], 0.0), 6))
