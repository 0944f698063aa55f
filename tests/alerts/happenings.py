"""Events as the core makes them, for telling people about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import found
from mailover.core.policy import Policy
from mailover.storage.sql import SqlStore

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def happening(
    number: int,
    kind: EventType = EventType.FAILOVER_HAPPENED,
    *,
    because: str = "postmark is out: logins fail",
    severity: Severity = Severity.WARNING,
    **data: object,
) -> Event:
    named: dict[str, object] = {"stream": f"s{number}", "from": "postmark", "to": "ses", "provider": "ses"}
    return Event(
        id=f"evt_abc_{number:09d}",
        type=kind,
        subject=f"stream/s{number}",
        at=NOON + timedelta(seconds=number),
        severity=severity,
        because=because,
        data=named | {key.rstrip("_"): value for key, value in data.items()},
    )


class Happen:
    """Commits events, each for some endpoints."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def __call__(self, *events: Event, to: tuple[str, ...] = ("slack",)) -> None:
        previous = self._store.load()
        fleet = found(Policy(providers={}, streams={}), "abc", NOON) if previous is None else previous
        self._store.commit(
            replace(fleet, version=fleet.version + 1), previous, events=events, endpoints=lambda _event: to
        )
