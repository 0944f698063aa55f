"""Fleets, events and observations as the core would make them, in as few words as the tests need."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import Fleet, Incident, found
from mailover.core.observations import Depth, Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.storage.hooks import Settlement
from mailover.storage.store import Delivery, Store

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def first_fleet(*providers: str) -> Fleet:
    names = providers or ("postmark", "sendgrid", "ses")
    policy = Policy(
        providers={name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in names},
        streams={"transactional": Stream(name="transactional", providers=names)},
    )
    return replace(found(policy, "abc", NOON), version=1)


def next_fleet(fleet: Fleet, **changes: object) -> Fleet:
    return replace(fleet, version=fleet.version + 1, **changes)


def event(number: int, kind: EventType = EventType.PROVIDER_OPENED, **data: object) -> Event:
    named = {key.rstrip("_"): value for key, value in data.items()}
    stream = named.get("stream")
    return Event(
        id=f"evt_abc_{number:09d}",
        type=kind,
        subject=f"stream/{stream}" if stream else f"provider/{named.get('provider', 'postmark')}",
        at=at(number),
        severity=Severity.WARNING,
        because=f"reason {number}",
        data=named,
    )


def failover(number: int, before: str | None, after: str | None, stream: str = "transactional") -> Event:
    return event(number, EventType.FAILOVER_HAPPENED, stream=stream, from_=before, to=after, seconds_to_detect=6.5)


def probed(provider: str, second: float, *, took: float = 0.1, failed: bool = False) -> Observation:
    failure = Failure(kind=FailureKind.TIMEOUT, stage=Stage.BANNER, text="no greeting") if failed else None
    return Observation(
        provider=provider,
        purpose=Purpose.SCHEDULED,
        depth=Depth.PORT,
        failure=failure,
        started_at=at(second),
        finished_at=at(second + took),
        probe=ProbeKind.PORT,
        stages=((Stage.CONNECT, took),),
        facts={"address": "192.0.2.1"},
    )


def reported(provider: str, second: float, *, count: int = 1, failed: bool = False) -> Observation:
    failure = Failure(kind=FailureKind.AUTH, stage=Stage.AUTH, code=535, replied=True) if failed else None
    return Observation(
        provider=provider,
        purpose=Purpose.REPORT,
        depth=Depth.LOGIN if failed else Depth.SEND,
        failure=failure,
        started_at=at(second),
        finished_at=at(second),
        reporter="app",
        count=count,
        recipient_domain="example.com",
    )


def incident(number: int, *, closed: bool = False) -> Incident:
    return Incident(
        id=f"inc_abc_{number:06d}",
        subject="provider/postmark",
        severity=Severity.CRITICAL,
        opened_at=at(number),
        detected_at=at(number + 5),
        because="logins fail",
        failure_kind=FailureKind.AUTH,
        streams=("transactional",),
        closed_at=at(number + 60) if closed else None,
    )


def settle(store: Store, delivery: Delivery, *, error: str | None = None, due_at: datetime | None = None) -> None:
    """What became of an attempt; delivered, unless told otherwise."""
    attempt = Settlement(seq=delivery.seq, endpoint=delivery.endpoint, at=at(20), error=error, due_at=due_at)
    store.hooks.settle([attempt])
