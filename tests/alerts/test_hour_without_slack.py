"""Slack is away for an hour in which everything happens: no flip is late, nothing is lost, nothing is doubled.

The service, the outbox, the courier and a Slack on loopback are real; only the time is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fake_clock import FakeClock
from fake_slack import CHANNEL, TOKEN, FakeSlack, headline

from mailover.alerts import assembly
from mailover.config import build
from mailover.config.mapping import policy
from mailover.core.observations import Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.service import Service
from mailover.storage.sql import SqlStore, open_store

BUSY = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="421 too busy", replied=True)
BAD_MINUTES = {"one": range(2, 35), "two": range(20, 50)}
"""First a failover, then nobody is left, then the first is back, then all is well."""
SLACK_IS_AWAY = range(1, 61)
MINUTES = 70


@dataclass(frozen=True, kw_only=True)
class Seen:
    moves: list[tuple[datetime, str | None]]
    told: list[str]
    slack: FakeSlack


class Life:
    """Two providers with a fate, and everything that watches and tells."""

    def __init__(self, slack: FakeSlack, store: SqlStore) -> None:
        table = {"token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url}
        providers = {name: {"host": f"smtp.{name}.example"} for name in BAD_MINUTES}
        settings = build(
            {"providers": providers, "streams": {"mail": {"providers": ["one", "two"]}}, "slack": table}, {}
        )
        self.clock = FakeClock()
        self.slack = slack
        self.service = Service(
            store=store,
            policy=policy(settings),
            default_stream="mail",
            clock=self.clock,
            identity="abc",
            endpoints=lambda event: assembly.routes(settings, event),
        )
        (self.courier,) = assembly.couriers(settings, store, self.clock)
        self.courier._dice = lambda: 0.5
        self.began = self.clock.now()

    def run(self, away: range) -> Seen:
        moves, due = [], self.clock.now()
        for second in range(MINUTES * 60):
            self.slack.down = second // 60 in away
            provider = self.service.snapshot.flags["mail"].flag.provider
            self._watch(second)
            moved = self.service.snapshot.flags["mail"].flag.provider
            if moved != provider:
                moves.append((self.clock.now(), moved))
            if self.clock.now() >= due:
                due = self.clock.now() + self.courier.step()
            self.clock.advance(1)
        return Seen(moves=moves, told=[headline(post) for post in self.slack.posted], slack=self.slack)

    def _watch(self, second: int) -> None:
        """Probe on schedule, and whatever a decision wants, until it wants no more."""
        wanted = [(name, ProbeKind.PORT, Purpose.SCHEDULED) for name in BAD_MINUTES if second % 15 == 0]
        for _ in range(20):
            decision = self.service.step([self._probe(*each, second) for each in wanted])
            wanted = [(o.provider, o.probe, o.purpose) for o in decision.probes]
            if not wanted:
                return

    def _probe(self, name: str, kind: ProbeKind, purpose: Purpose, second: int) -> Observation:
        return Observation(
            provider=name,
            purpose=purpose,
            depth=kind.depth,
            failure=BUSY if second // 60 in BAD_MINUTES[name] else None,
            started_at=self.clock.now(),
            finished_at=self.clock.now() + timedelta(milliseconds=50),
            probe=kind,
        )


def lived(directory: Path, away: range) -> Iterator[Seen]:
    store = open_store(f"sqlite:///{directory}/mailover.db")
    with FakeSlack().serving() as slack:
        yield Life(slack, store).run(away)
    store.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    yield from lived(tmp_path_factory.mktemp("undisturbed"), range(0))


@pytest.fixture(scope="module")
def without_slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    yield from lived(tmp_path_factory.mktemp("without"), SLACK_IS_AWAY)


def test_something_happened(undisturbed: Seen) -> None:
    assert [provider for _, provider in undisturbed.moves] == ["two", "one"]
    assert any("no healthy provider is left" in told for told in undisturbed.told)


def test_no_flip_waits_for_slack(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.moves == undisturbed.moves


def test_nothing_is_lost_doubled_or_told_in_another_order(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.told == undisturbed.told


def test_every_incident_ends_green(without_slack: Seen) -> None:
    incidents = [headline(post) for post in without_slack.slack.channel if "is out" in headline(post)]
    assert len(incidents) == 2
    assert all("over after" in each for each in incidents)


def test_what_comes_late_says_so(undisturbed: Seen, without_slack: Seen) -> None:
    assert "told late by" not in str(undisturbed.slack.posted)
    assert "told late by" in str(without_slack.slack.posted[1])


def test_slack_is_not_hammered_meanwhile(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.slack.calls - undisturbed.slack.calls <= 20
