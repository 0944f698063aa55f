"""Events in words for people who were just woken up: what happened, why, and the few facts worth knowing.

Pure, and free of any markup: how a channel shows the words is the channel's business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailover.core.events import Event, EventType, Severity, rfc3339

_LATE = timedelta(minutes=2)
_MINUTE = 60
_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What there is to say about one event."""

    severity: Severity
    good: bool
    """Something is well again."""
    headline: str
    because: str
    facts: tuple[tuple[str, str], ...] = ()
    """Pairs of a word and its value, the most useful first."""
    about: EventType | None = None
    """What the runbook is asked about."""


_HEADLINES: Mapping[EventType, str] = {
    EventType.FAILOVER_HAPPENED: "{stream}: mail now goes through {to} instead of {from}",
    EventType.FAILBACK_HAPPENED: "{stream}: mail goes through {to} again (it was {from})",
    EventType.FAILBACK_PAUSED: "{stream}: no fail-back before {until}",
    EventType.FAILBACK_RESUMED: "{stream}: may fail back by itself again",
    EventType.STREAM_EXHAUSTED: "{stream}: no healthy provider is left",
    EventType.STREAM_RECOVERED: "{stream}: a healthy provider carries it again",
    EventType.STREAM_NO_SPARE: "{stream}: no healthy spare is left behind {provider}",
    EventType.STREAM_SPARE_READY: "{stream}: a healthy spare is ready again",
    EventType.STREAM_PINNED: "{stream}: pinned to {to}",
    EventType.STREAM_UNPINNED: "{stream}: no longer pinned to {provider}",
    EventType.PROVIDER_OPENED: "{provider} is out",
    EventType.PROVIDER_CLOSED: "{provider} is healthy again",
    EventType.PROVIDER_SLOW: "{provider} is slow",
    EventType.PROVIDER_NORMAL: "{provider} is back to normal",
    EventType.PROVIDER_DEGRADED: "{provider} works worse than it should",
    EventType.PROVIDER_ENABLED: "{provider} was enabled",
    EventType.PROVIDER_DISABLED: "{provider} was disabled",
    EventType.CERTIFICATE_EXPIRING: "the certificate of {provider} expires soon",
    EventType.MAILBOX_FAILING: "the test mailbox is in trouble; no provider is blamed",
    EventType.MAILBOX_RECOVERED: "the test mailbox works again",
    EventType.AGENT_BLIND: "mailover cannot see: nothing answers, so it changes nothing by itself",
    EventType.AGENT_SIGHTED: "mailover sees again and decides by itself",
    EventType.AGENT_STARTED: "mailover has started",
    EventType.STORAGE_FAILING: "mailover cannot write its store",
    EventType.STORAGE_RECOVERED: "mailover writes its store again",
    EventType.DNS_BROKEN: "DNS is wrong for {subject}",
    EventType.DNS_REPAIRED: "DNS is right again for {subject}",
    EventType.QUEUE_GROWING: "the queue of unsent mail is growing",
    EventType.QUEUE_DRAINED: "the queue of unsent mail is empty again",
    EventType.QUEUE_AMBIGUOUS: "{stream}: mail was sent and never answered",
    EventType.RELAY_FAILING: "the relay hangs: it neither takes nor sends mail",
    EventType.RELAY_RECOVERED: "the relay takes and sends mail again",
    EventType.FAILOVERS_EXCESSIVE: "{stream}: too many failovers",
    EventType.PROVIDER_UNTRIED: "{provider} is a spare that nobody has tried lately",
    EventType.PROVIDER_REHEARSED: "{provider}: the next password was tried",
    EventType.INCIDENT_ACKNOWLEDGED: "{subject}: somebody looks after it",
    EventType.INCIDENT_UNACKNOWLEDGED: "nobody looks after it yet: {open}",
    EventType.WEBHOOK_TEST: "a test: this is how mailover's messages look",
}

_GOOD_NEWS = frozenset(
    {
        EventType.FAILBACK_HAPPENED,
        EventType.STREAM_RECOVERED,
        EventType.STREAM_SPARE_READY,
        EventType.PROVIDER_CLOSED,
        EventType.PROVIDER_NORMAL,
        EventType.MAILBOX_RECOVERED,
        EventType.AGENT_SIGHTED,
        EventType.STORAGE_RECOVERED,
        EventType.DNS_REPAIRED,
        EventType.QUEUE_DRAINED,
        EventType.RELAY_RECOVERED,
    }
)

WORTH_WAKING = frozenset(
    {
        EventType.FAILOVER_HAPPENED,
        EventType.FAILBACK_HAPPENED,
        EventType.STREAM_EXHAUSTED,
        EventType.STREAM_RECOVERED,
        EventType.STREAM_NO_SPARE,
        EventType.AGENT_BLIND,
        EventType.AGENT_SIGHTED,
        EventType.CERTIFICATE_EXPIRING,
        EventType.MAILBOX_FAILING,
        EventType.MAILBOX_RECOVERED,
        EventType.STORAGE_FAILING,
        EventType.STORAGE_RECOVERED,
        EventType.DNS_BROKEN,
        EventType.DNS_REPAIRED,
        EventType.QUEUE_GROWING,
        EventType.QUEUE_DRAINED,
        EventType.QUEUE_AMBIGUOUS,
        EventType.RELAY_FAILING,
        EventType.RELAY_RECOVERED,
        EventType.FAILOVERS_EXCESSIVE,
        EventType.PROVIDER_DEGRADED,
        EventType.PROVIDER_UNTRIED,
        EventType.PROVIDER_REHEARSED,
        EventType.INCIDENT_ACKNOWLEDGED,
        EventType.INCIDENT_UNACKNOWLEDGED,
        EventType.WEBHOOK_TEST,
    }
)
"""What people are told without asking; anything critical besides."""


def worth_telling(event: Event) -> bool:
    """Whether people are told of this event without having asked for it."""
    if event.type in WORTH_WAKING or event.severity is Severity.CRITICAL:
        return True
    return event.type is EventType.PROVIDER_NORMAL and event.data.get("degraded") is False  # as its warning was told


def worth_following(event: Event) -> bool:
    """Whether people who follow an incident are told of this event: all that belongs to one, besides the rest."""
    return worth_telling(event) or ("incident" in event.data and not event.data.get("shadow"))


def message(event: Event, now: datetime) -> Message:
    """The words for one event, told at `now`; an old one says that it is late."""
    named = _Named({key: str(value) for key, value in event.data.items()})
    named.setdefault("subject", event.subject.partition("/")[2] or event.subject)
    return Message(
        severity=event.severity,
        good=event.type in _GOOD_NEWS,
        headline=_HEADLINES[event.type].format_map(named),
        because=event.because,
        facts=tuple(_facts(event, now)),
        about=event.type,
    )


class _Named(dict[str, str]):
    """What an event names; what it leaves out has a word too, so that no message is lost over it."""

    def __missing__(self, key: str) -> str:
        kind, _, name = self["subject"].partition("/")
        return name if kind == key and name else _UNNAMED.get(key, key)


_UNNAMED = {"open": "an incident", "stream": "a stream", "provider": "a provider", "to": "nobody", "from": "nobody"}


def _facts(event: Event, now: datetime) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    for key, word, show in _SHOWN:
        value = event.data.get(key)
        if value is not None:
            facts.append((word, show(value)))
    facts.append(("happened", rfc3339(event.at)))
    if now - event.at > _LATE:
        facts.append(("told late by", span((now - event.at).total_seconds())))
    return facts


def span(seconds: object) -> str:
    """A length of time in one or two units."""
    if not isinstance(seconds, int | float):
        return str(seconds)
    if seconds < _MINUTE:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s".replace(" 0 s", "")
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min".replace(" 0 min", "")


def _sending(value: object) -> str:
    return "goes on with what is left" if value else "is held back until a provider is healthy"


def _mender(value: object) -> str:
    return "us: it is our account there" if value == "account" else str(value)


_SHOWN: tuple[tuple[str, str, Callable[[object], str]], ...] = (
    ("sending", "mail", _sending),
    ("failure_kind", "failure", str),
    ("owner", "to be mended by", _mender),
    ("seconds_to_detect", "noticed within", span),
    ("seconds", "lasted", span),
    ("seconds_open", "lasted", span),
    ("seconds_waiting", "waits for", span),
    ("not_after", "ends", str),
    ("incident", "incident", str),
)
