"""A house in virtual time: providers with a fate, the real service, outbox and courier, and a Slack on loopback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fake_clock import FakeClock
from fake_slack import CHANNEL, TOKEN, FakeSlack, headline

from mailover.alerts import assembly
from mailover.config import build
from mailover.config.mapping import policy
from mailover.core.observations import Failure, FailureKind, Observation, ProbeKind, Purpose, Stage
from mailover.service import Service
from mailover.storage.sql import SqlStore

BUSY = Failure(kind=FailureKind.TRANSIENT, stage=Stage.BANNER, code=421, text="421 too busy", replied=True)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of it: each change of a stream's provider, and what people were told in the order of posting."""

    moves: list[tuple[datetime, str, str | None]]
    told: list[str]
    slack: FakeSlack


class Life:
    def __init__(
        self,
        slack: FakeSlack,
        store: SqlStore,
        *,
        bad_minutes: Mapping[str, range],
        streams: Mapping[str, Sequence[str]],
    ) -> None:
        document = {
            "providers": {name: {"host": f"smtp.{name}.example"} for name in bad_minutes},
            "streams": {name: {"providers": list(order)} for name, order in streams.items()},
            "slack": {"token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url},
        }
        settings = build(document, {})
        self.clock = FakeClock()
        self.slack = slack
        self._bad = bad_minutes
        self._streams = streams
        self.service = Service(
            store=store,
            policy=policy(settings),
            default_stream=next(iter(streams)),
            clock=self.clock,
            identity="abc",
            endpoints=lambda event: assembly.routes(settings, event),
        )
        (self.courier,) = assembly.couriers(settings, store, self.clock)
        self.courier._dice = lambda: 0.5

    def run(self, minutes: int, *, away: range = range(0)) -> Seen:
        """Let it go on, with Slack away in some of its minutes."""
        moves: list[tuple[datetime, str, str | None]] = []
        due, flags = self.clock.now(), self._flags()
        for second in range(minutes * 60):
            self.slack.down = second // 60 in away
            self._watch(second)
            moves += [(self.clock.now(), name, to) for name, to in self._flags().items() if to != flags[name]]
            flags = self._flags()
            if self.clock.now() >= due:
                due = self.clock.now() + self.courier.step()
            self.clock.advance(1)
        return Seen(moves=moves, told=[headline(post) for post in self.slack.posted], slack=self.slack)

    def _flags(self) -> dict[str, str | None]:
        return {name: self.service.snapshot.flags[name].flag.provider for name in self._streams}

    def _watch(self, second: int) -> None:
        """Probe on schedule, and whatever a decision wants, until it wants no more."""
        wanted = [(name, ProbeKind.PORT, Purpose.SCHEDULED) for name in self._bad if second % 15 == 0]
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
            failure=BUSY if second // 60 in self._bad[name] else None,
            started_at=self.clock.now(),
            finished_at=self.clock.now() + timedelta(milliseconds=50),
            probe=kind,
        )
