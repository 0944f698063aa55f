"""The flags that OpenFeature's SDKs evaluate, and what they say in a context: pure, from the snapshot alone.

How they travel is `ofrep`'s business.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mailover.core.fleet import Mode
from mailover.core.providers import Provider
from mailover.service import Snapshot
from webhooks.adapters.choice import places, way_of

_HEALTHY = re.compile(r"provider-(.+)-healthy")
_OF_STREAMS = ("active-provider", "smtp-relay", "sending-enabled", "backup-share")
_TEXTS = ("stream", "recipient", "recipientDomain", "region", "targetingKey")


class ContextError(ValueError):
    """A context that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """For what a flag is evaluated."""

    stream: str
    named: bool
    """Whether the caller named the stream."""
    recipient: str
    """As far as it is known: with the domain alone, that with its @."""
    key: str
    """The targeting key: what sticks to one provider where several share, else the recipient does."""
    tag: str
    """A region."""


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
    named, recipient, domain, tag, key = (_text(given, name) for name in _TEXTS)
    stream = named or snapshot.default_stream
    if stream not in snapshot.flags:
        raise ContextError(f"no stream is called {stream!r}")
    recipient = recipient or (f"@{domain}" if domain else "")
    return Context(stream=stream, named=bool(named), recipient=recipient, key=key, tag=tag)


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ContextError(f"{name} must be a text")
    return value


def same_for_all(snapshot: Snapshot, stream: str) -> bool:
    """Whether neither the recipient nor the key nor the hour plays a part in what the stream's flags say."""
    configured = snapshot.policy.streams.get(stream)
    shared = snapshot.flags[stream].flag.mode is Mode.BALANCE
    return configured is not None and not (shared or configured.mail.geography or configured.mail.hours)


def flag_keys(snapshot: Snapshot) -> Iterator[str]:
    """Every flag there is."""
    yield from _OF_STREAMS
    yield from (f"provider-{name}-healthy" for name in snapshot.fleet.breakers)


def evaluate(snapshot: Snapshot, key: str, context: Context, now: datetime) -> Evaluated | None:
    """What a flag says; None for one that does not exist."""
    found = _HEALTHY.fullmatch(key)
    if found is not None:
        return _healthy(snapshot, key, found[1])
    if key not in _OF_STREAMS:
        return None
    targeted = "TARGETING_MATCH" if context.named else "STATIC"
    if key == "backup-share":
        share = _backup_share(snapshot, context.stream)
        return Evaluated(key=key, value=share, variant="warm" if share else "idle", reason=targeted)
    way = way_of(snapshot, now, stream=context.stream, recipient=context.recipient, key=context.key, tag=context.tag)
    ways = places(snapshot, way)
    if key == "sending-enabled":
        return Evaluated(key=key, value=bool(ways), variant="on" if ways else "off", reason=targeted)
    first = ways[0].name if ways else ""
    value = first if key == "active-provider" else _relay(ways)
    return Evaluated(key=key, value=value, variant=first or "none", reason="SPLIT" if way.sticky else targeted)


def _healthy(snapshot: Snapshot, key: str, provider: str) -> Evaluated | None:
    breaker = snapshot.fleet.breakers.get(provider)
    if breaker is None:
        return None
    variant = "healthy" if breaker.closed else "unhealthy"
    return Evaluated(key=key, value=breaker.closed, variant=variant, reason="STATIC")


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
