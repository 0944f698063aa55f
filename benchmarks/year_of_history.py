"""The size of the store after a year: three providers at the default intervals, mail reported, hourly tidied.

The last eight days are really written and tidied hour by hour; the year before them is written as tidying leaves it.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import Fleet, found
from mailover.core.observations import Depth, Observation, ProbeKind, Purpose, Stage
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.core.scoring import step_of
from mailover.storage.database import Database
from mailover.storage.sql import SqlStore, open_store
from mailover.storage.store import Retention
from mailover.storage.tables import hours

NAMES = ("postmark", "sendgrid", "ses")
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 365
LIVED_DAYS = 8
LIMIT = 200e6
CADENCE = {ProbeKind.PORT: 240, ProbeKind.LOGIN: 60, ProbeKind.ROUND_TRIP: 2}
"""Probes of each kind in an hour."""
STAGES = (Stage.RESOLVE, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS)
dice = random.Random(5)


def first_fleet() -> Fleet:
    providers = {name: Provider(name=name, host=f"smtp.{name}.example", port=587) for name in NAMES}
    policy = Policy(providers=providers, streams={"mail": Stream(name="mail", providers=NAMES)})
    return replace(found(policy, "year", START), version=1)


def events_of(day: int) -> Iterator[Event]:
    """Ten a day: far more than a quiet house has."""
    for n in range(10):
        yield Event(
            id=f"evt_year_{day:04d}{n:04d}",
            type=EventType.FAILOVER_HAPPENED if n % 2 else EventType.PROVIDER_OPENED,
            subject="stream/mail" if n % 2 else "provider/postmark",
            at=START + timedelta(days=day, hours=2 * n),
            severity=Severity.WARNING,
            because="postmark failed 3 times in 4.1 s: connection refused at connect; sendgrid is the first healthy",
            data={"stream": "mail", "provider": "sendgrid", "from": "postmark", "to": "sendgrid", "epoch": day},
        )


def probed(name: str, kind: ProbeKind, at: datetime) -> Observation:
    stages = tuple((stage, dice.lognormvariate(-3.5, 0.4)) for stage in STAGES)
    return Observation(
        provider=name,
        purpose=Purpose.SCHEDULED,
        depth=Depth.PORT,
        started_at=at - timedelta(seconds=sum(seconds for _, seconds in stages)),
        finished_at=at,
        probe=kind,
        stages=stages,
        facts={"address": "192.0.2.133", "tls_version": "TLSv1.3", "certificate_not_after": "2027-01-01T00:00:00Z"},
    )


def observations_of(hour: datetime) -> list[Observation]:
    return [
        probed(name, kind, hour + n * HOUR / times)
        for kind, times in CADENCE.items()
        for name in NAMES
        for n in range(times)
    ]


def write_the_past(database: Database, days: int) -> None:
    """A row per provider, kind and hour, with as many steps as a real spread has."""
    with database.writing() as connection:
        for day in range(days):
            rows = []
            for hour in range(24):
                for kind, times in [*((kind.value, times) for kind, times in CADENCE.items()), ("report", 3600)]:
                    for name in NAMES:
                        steps: dict[int, int] = {}
                        for _ in range(0 if kind == "report" else times):
                            step = step_of(dice.lognormvariate(-1.8, 0.4))
                            steps[step] = steps.get(step, 0) + 1
                        at = START + timedelta(days=day, hours=hour)
                        counted = {"tries": times, "ok": times - 1, "seconds": 40.123456, "steps": json.dumps(steps)}
                        rows.append({"provider": name, "kind": kind, "hour": at, **counted})
            connection.execute(sa.insert(hours), rows)


def live(store: SqlStore, days: range) -> float:
    """Write and tidy hour by hour; the longest step of tidying, in seconds."""
    fleet = store.load()
    longest = 0.0
    for hour in range(24 * days.start, 24 * days.stop):
        now = START + hour * HOUR
        following = replace(fleet, version=fleet.version + 1) if fleet else first_fleet()
        store.commit(following, fleet, observations=observations_of(now))
        fleet, going = following, True
        while going:
            began = time.monotonic()
            going = store.tidy(now + HOUR, Retention())
            longest = max(longest, time.monotonic() - began)
    return longest


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/year.db"
        store = open_store(url)
        fleet = first_fleet()
        store.commit(fleet, None)
        for day in range(DAYS):
            following = replace(fleet, version=fleet.version + 1)
            store.commit(following, fleet, events=list(events_of(day)), endpoints=lambda _event: ("slack", "n8n"))
            fleet = following
        database = Database(url)
        write_the_past(database, DAYS - LIVED_DAYS)
        database.close()
        past = Path(directory, "year.db").stat().st_size
        longest = live(store, range(DAYS - LIVED_DAYS, DAYS))
        began = time.monotonic()
        store.tallies(START + timedelta(days=DAYS - 7))
        week = time.monotonic() - began
        size = sum(each.stat().st_size for each in Path(directory).iterdir())
        store.close()
    print(f"a year of roll-ups and events: {past / 1e6:.1f} MB; with a week of observations: {size / 1e6:.1f} MB")
    print(f"ratio to the limit of {LIMIT / 1e6:.0f} MB: {size / LIMIT:.2f}")
    print(f"longest step of tidying: {longest * 1000:.0f} ms; figures of a week: {week * 1000:.0f} ms")
    return 0 if size < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
