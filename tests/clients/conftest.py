"""What every client recipe is tried with: three fake providers, a running mailover that watches them, and an inbox."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from client_house import Inbox, Running
from running.agents import until
from running.distant import accounts

from mailover.bootstrap import assemble
from mailover.config import build
from mailover.demo.provider import Provider

NAMES = ("first", "second", "third")
RHYTHM = {
    "port_interval": "1h",
    "login_interval": "1h",
    "retry_interval": "100ms",
    "auth_pause": "200ms",
    "deadline": "2s",
    "slow": "1s",
}
"""Scheduled probes are an hour apart: only what a client reports can move the flag."""


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def providers(inbox: Inbox) -> Iterator[Mapping[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name, sink=inbox)) for name in NAMES}


@pytest.fixture
def document(providers: Mapping[str, Provider], ca_file: str) -> dict[str, Any]:
    """A config without address and store."""
    return {
        "providers": accounts(list(providers.values()), ca_file),
        "streams": {"transactional": {"providers": list(NAMES)}},
        "probes": RHYTHM,
        "breaker": {"open_for": "1s", "failback_after": "1s", "auth_open_for": "1s"},
    }


@pytest.fixture
def housing(tmp_path: Path, document: dict[str, Any]) -> Iterator[Callable[..., Running]]:
    """Start a mailover, with more tables if need be; it has looked at each provider, and then waits to be told."""
    with ExitStack() as stack:

        def start(**tables: Any) -> Running:
            server = {"listen": "127.0.0.1:0"}
            storage = {"url": f"sqlite:///{tmp_path}/mailover.db"}
            house = assemble(build({"server": server, "storage": storage, **document, **tables}, {}))
            stack.callback(house.stop)
            house.start()
            until(
                lambda: all(each.ok_at is not None for each in house.service.snapshot.fleet.breakers.values()),
                "the health of all providers",
            )
            return Running(house)

        yield start


@pytest.fixture
def mailover(housing: Callable[..., Running]) -> Running:
    return housing()
