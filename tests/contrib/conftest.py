"""What Prometheus is told by a house in which everything has happened once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hand_clock import HandClock
from prometheus_client import generate_latest

from mailover.core.mail import Mail
from mailover.core.observations import (
    Depth,
    DnsVerdict,
    Failure,
    FailureKind,
    Observation,
    ProbeKind,
    Purpose,
    Stage,
)
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.relay.figures import Figures
from mailover.service import Service
from mailover.storage.sql import SqlStore, open_store
from webhooks.metrics import registry_of

POLICY = Policy(
    providers={name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in ("first", "second")},
    streams={"mail": Stream(name="mail", providers=("first", "second"))},
)
REFUSED = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="busy", replied=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def service(store: SqlStore, clock: HandClock) -> Service:
    return Service(
        store=store,
        policy=POLICY,
        default_stream="mail",
        clock=clock,
        identity="t35t",
        endpoints=lambda _event: ["slack"],
    )


def seen(clock: HandClock, provider: str, kind: ProbeKind | None, failure: Failure | None = None) -> Observation:
    return Observation(
        provider=provider,
        purpose=Purpose.REPORT if kind is None else Purpose.SCHEDULED,
        depth=kind.depth if kind is not None else Depth.SEND,
        failure=failure,
        started_at=clock.at - timedelta(seconds=0.2),
        finished_at=clock.at,
        probe=kind,
        reporter="app" if kind is None else None,
        count=10 if kind is None else 1,
        facts={"certificate_not_after": "2027-01-01T00:00:00+00:00"},
    )


def deliver(figures: Figures, clock: HandClock) -> None:
    """The relay delivers one mail, gives up another, and has nothing left."""
    mail = Mail(id="msg_1", stream="mail", sender="", recipients=(), size=1, accepted_at=clock.at, by="app")
    figures.attempted(mail, "first", "ann@example.net", None, clock.at + timedelta(seconds=1))
    figures.expired("mail", 1)
    figures.waiting({}, POLICY.streams, clock.at)
    figures.under_way(0)


@pytest.fixture
def told(service: Service, clock: HandClock) -> str:
    """Both providers are probed and used, the first fails, the flag moves, the relay carries mail."""
    registry, counters = registry_of(service, lambda: 0)
    for name in POLICY.providers:
        service.step(tuple(seen(clock, name, kind) for kind in (*ProbeKind, None)))
        service.step((DnsVerdict(provider=name, verdict="dkim_only", at=clock.at),))
    for _ in range(3):
        clock.at += timedelta(seconds=2)
        service.step((seen(clock, "first", ProbeKind.PORT, REFUSED),))
    assert service.snapshot.flags["mail"].flag.provider == "second"
    counters.hear_attempt("slack", "delivered")
    counters.requests.labels("/v1/providers", "200").inc()
    deliver(Figures(registry), clock)
    return generate_latest(registry).decode()
