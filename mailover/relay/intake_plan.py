"""Where mail is taken and on what terms, from the settings. Values; nothing listens here."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailover.config import Settings
from mailover.config.fields import Address
from mailover.config.intake import LimitsSettings, ListenTls
from mailover.config.relay import RelaySettings
from mailover.errors import ConfigError
from mailover.relay.intake_limits import Limits
from mailover.smtp.server import Logins, Terms, serving_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One place where the relay listens."""

    key: str
    """The key of the config that says so."""
    address: Address
    terms: Terms
    implicit: bool = False
    """Whether TLS comes from the first byte."""
    stream: str | None = None
    """The stream of all that comes here; None: the username says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that taking mail depends on."""

    listeners: tuple[Listener, ...]
    streams: frozenset[str]
    default_stream: str
    """Of sessions without a login, where the listener has none of its own."""
    limits: Limits = field(default_factory=Limits)
    context: ssl.SSLContext | None = None
    """What TLS is served with."""


def plan_of(settings: Settings, relay: RelaySettings) -> Plan:
    """The plan. Raises ConfigError when the certificate cannot be used."""
    return Plan(
        listeners=tuple(_listeners(relay)),
        streams=frozenset(settings.streams),
        default_stream=settings.default_stream,
        limits=_limits(relay.limits),
        context=_context(relay),
    )


def _listeners(relay: RelaySettings) -> Iterator[Listener]:
    yield _listener(relay, "relay.listen", relay.listen, relay.tls, None)
    for name, each in relay.listeners.items():
        yield _listener(relay, f"relay.listeners.{name}.listen", each.listen, each.tls, each.stream)


def _listener(relay: RelaySettings, key: str, address: Address, tls: ListenTls, stream: str | None) -> Listener:
    """Beyond loopback nothing is taken in the clear, and from nobody who has not logged in."""
    trusted = address.loopback
    limits = relay.limits
    terms = Terms(
        hostname=relay.hostname,
        largest=limits.message_bytes,
        recipients=limits.recipients,
        tls_offered=relay.encrypted,
        tls_required=not trusted,
        logins=Logins.OPTIONAL if trusted and not relay.require_login else Logins.REQUIRED,
        clear_logins=trusted,
        guesses=limits.login_attempts,
        commands=limits.commands,
    )
    return Listener(key=key, address=address, terms=terms, implicit=tls is ListenTls.IMPLICIT, stream=stream)


def _limits(limits: LimitsSettings) -> Limits:
    return Limits(
        connections=limits.connections,
        per_address=limits.connections_per_address,
        memory=limits.memory_bytes,
        idle=limits.idle.total_seconds(),
        command=limits.command.total_seconds(),
        session=limits.session.total_seconds(),
        rate=limits.bytes_per_second,
        stopping=limits.stopping.total_seconds(),
    )


def _context(relay: RelaySettings) -> ssl.SSLContext | None:
    if relay.certificate_file is None or relay.key_file is None:
        return None
    try:
        return serving_context(relay.certificate_file, relay.key_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError([f"relay.certificate_file: cannot be used with relay.key_file: {reason}"]) from error
