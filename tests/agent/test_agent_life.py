"""The agent's own loop: what ends it by a defect does not leave a flag that nobody probes for."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.loop import Agent, Rhythm, SteadyScheduler, Watched
from agent.probes import Target
from mailover.clock import SystemClock
from mailover.core.observations import ProbeKind
from mailover.core.policy import Policy
from mailover.core.providers import Provider as Account
from mailover.core.providers import Stream, Tls
from mailover.demo.provider import Provider
from mailover.errors import UnavailableError
from mailover.service import Service
from mailover.smtp import Endpoint
from mailover.storage.sql import open_store

SECOND = timedelta(seconds=1)
RHYTHM = Rhythm(port=SECOND, login=SECOND, round_trip=SECOND, deadline=5 * SECOND, slow=SECOND)


class Stumbling(Agent):
    """Its loop ends by a defect the first time."""

    stumbled = False

    async def _turn(self, scheduler: SteadyScheduler) -> None:
        if not self.stumbled:
            self.stumbled = True
            raise ValueError("a defect")
        await super()._turn(scheduler)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    accounts = {"first": Account(name="first", host="127.0.0.1", port=25)}
    policy = Policy(providers=accounts, streams={"mail": Stream(name="mail", providers=("first",))})
    made = Service(store=store, policy=policy, default_stream="mail", clock=SystemClock(), identity="t35t")
    made.start()
    yield made
    made.stop()
    store.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    with Provider("first", tls=Tls.NONE) as provider:
        endpoint = Endpoint(host="127.0.0.1", port=provider.port, tls=Tls.NONE)
        yield Watched(targets={"first": Target(provider="first", endpoint=endpoint)})


def test_a_loop_that_ends_by_a_defect_begins_again(
    service: Service, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    seen = threading.Event()
    service.witness(lambda _: seen.set())
    agent = Stumbling(service, watched, RHYTHM)
    agent.start()
    try:
        assert seen.wait(20)
        assert "the agent's loop ended; it begins again" in caplog.text
    finally:
        agent.stop()


def test_after_its_end_an_agent_says_that_it_cannot_probe(service: Service, watched: Watched) -> None:
    agent = Agent(service, watched, RHYTHM)
    agent.start()
    assert agent.check("first", [ProbeKind.PORT])[0].ok
    agent.stop()
    with pytest.raises(UnavailableError):
        agent.check("first", [ProbeKind.PORT])
