"""A house that Slack's people can operate: real service and courier in threads, one failing provider, a fake Slack."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from fake_slack import APP_TOKEN, CHANNEL, TOKEN, FakeSlack, Post
from life import BUSY
from slack_people import ANN, BOB, SIGNING_SECRET

from mailover.alerts import assembly
from mailover.alerts.dispatcher import Dispatcher
from mailover.alerts.slack_inlet import SlackInlet
from mailover.clock import SystemClock
from mailover.config import Settings, build
from mailover.config.mapping import policy
from mailover.core.events import Event
from mailover.core.observations import Failure, Observation, ProbeKind, Purpose
from mailover.resolve import Resolver
from mailover.service import Service
from mailover.storage.sql import SqlStore, open_store


def settings(slack: FakeSlack, **more: object) -> Settings:
    return build(
        {
            "providers": {name: {"host": f"smtp.{name}.example"} for name in ("postmark", "ses")},
            "streams": {"mail": {"providers": ["postmark", "ses"]}},
            "breaker": {"successes": 1, "open_for": "100ms"},
            "slack": {
                "token": TOKEN,
                "channel": CHANNEL,
                "api_url": slack.api_url,
                "app_token": APP_TOKEN,
                "signing_secret": SIGNING_SECRET,
                "operators": [ANN, BOB],
                **more,
            },
        },
        {},
    )


class Pressed:
    """The house, and what people see of it."""

    def __init__(self, slack: FakeSlack, store: SqlStore, seconds: float, resolver: Resolver) -> None:
        chosen = settings(slack)
        self.slack = slack
        self.clock = SystemClock()
        self.service = Service(
            store=store,
            policy=policy(chosen),
            default_stream="mail",
            clock=self.clock,
            identity="abc",
            endpoints=lambda event: assembly.routes(chosen, event),
        )
        (courier,) = assembly.couriers(chosen, store, self.clock)
        courier._pace = timedelta(0)
        self.dispatcher = Dispatcher([courier])
        self.service.listen(lambda _snapshot, decision: self.dispatcher.wake() if decision.events else None)
        inlet = assembly.slack_inlet(chosen, self.service)
        assert inlet is not None
        assert inlet._socket is not None
        inlet._socket._slowness = 0.02
        inlet._socket._seconds = seconds
        inlet._socket._resolver = resolver
        self.inlet: SlackInlet = inlet

    def break_down(self, provider: str = "postmark") -> Post:
        """The provider opens; the message that tells of it, once it tells where the mail goes."""
        self.see(provider, BUSY, 3)
        self.slack.wait_until(lambda: bool(self.slack.posted) and "mail goes through" in str(self.message))
        return self.message

    def mend(self, provider: str = "postmark") -> None:
        """It answers again, and its trials close it."""
        deadline = time.monotonic() + 30
        while not self.service.snapshot.fleet.breakers[provider].closed:
            assert time.monotonic() < deadline
            self.see(provider, purpose=Purpose.TRIAL)

    def see(
        self, provider: str, failure: Failure | None = None, times: int = 1, purpose: Purpose = Purpose.SCHEDULED
    ) -> None:
        for _ in range(times):
            now = self.clock.now()
            self.service.ask(
                Observation(
                    provider=provider,
                    purpose=purpose,
                    depth=ProbeKind.PORT.depth,
                    failure=failure,
                    started_at=now,
                    finished_at=now,
                    probe=ProbeKind.PORT,
                )
            )

    @property
    def message(self) -> Post:
        """The incident's message as it is shown now."""
        return self.slack.shown[str(self.slack.posted[0]["ts"])]

    @property
    def events(self) -> list[Event]:
        return list(self.service.store.events(limit=100).items)


@contextmanager
def house(
    slack: FakeSlack, tmp_path: Path, *, seconds: float = 10, resolver: Resolver | None = None
) -> Iterator[Pressed]:
    store = open_store(f"sqlite:///{tmp_path}/pressed.db")
    opened = Pressed(slack, store, seconds, resolver or Resolver())
    opened.see("ses")
    opened.service.start()
    opened.dispatcher.start()
    opened.inlet.start()
    try:
        yield opened
    finally:
        opened.inlet.stop()
        opened.service.stop()
        opened.dispatcher.stop()
        store.close()
