"""One world for all tests in here: three providers and a reference, and a cable to the agent's machine."""

import os
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running.agents import QUICK, RunningAgent, Watching, until
from running.distant import DistantProvider, accounts
from running.networks import PROVIDERS, REFERENCE, Network, join, joined, what_is_lacking

from mailover.demo.authority import Authority

NAMES = ("first", "second", "third")


@pytest.fixture(scope="session")
def networks() -> Iterator[tuple[Network, Network]]:
    """The agent's machine and the world; skipped where none can be made, unless everything was installed for it."""
    lacking = what_is_lacking()
    if lacking and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(lacking, pytrace=False)
    if lacking:
        pytest.skip(lacking)
    with joined() as pair:
        yield pair


@pytest.fixture
def machine(networks: tuple[Network, Network]) -> Iterator[Network]:
    """The agent's machine, with its way out whatever the last test did to it."""
    machine, _ = networks
    yield machine
    join(machine)


@pytest.fixture(scope="session")
def world(networks: tuple[Network, Network]) -> Network:
    """Where the providers are."""
    return networks[1]


@pytest.fixture(scope="session")
def providers(world: Network, authority: Authority) -> Iterator[list[DistantProvider]]:
    with ExitStack() as stack, world.inside():
        made = [DistantProvider(name, at, authority) for name, at in zip(NAMES, PROVIDERS, strict=True)]
        yield [stack.enter_context(each) for each in made]


@pytest.fixture(scope="session")
def reference(world: Network) -> Iterator[str]:
    """Something that takes connections on a port that no provider uses: host:port."""
    with world.inside():
        server = socketserver.TCPServer((REFERENCE, 443), socketserver.BaseRequestHandler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"{REFERENCE}:443"
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture
def watching(
    tmp_path: Path, machine: Network, providers: list[DistantProvider], ca_file: str, reference: str
) -> Iterator[Watching]:
    """Start an agent that has seen all its providers well."""
    with ExitStack() as stack:

        def start(
            *, healthy: bool = True, by_name: bool = False, env: Mapping[str, str] | None = None, **tables: Any
        ) -> RunningAgent:
            document = {
                "providers": accounts(providers, ca_file, by_name=by_name),
                "streams": {"mail": {"providers": list(NAMES)}},
                "references": {"tcp": [reference]},
                "probes": QUICK,
                "breaker": {"open_for": "1s", "failback_after": "1s"},
                **tables,
            }
            agent = stack.enter_context(RunningAgent(tmp_path, document, place=machine.inside, env=env))
            if healthy:
                until(lambda: sees_all(agent), "a look at every provider")
            return agent

        yield start


def sees_all(agent: RunningAgent) -> bool:
    """Whether every provider has let the agent log in since it started."""
    seen = agent.get("/v1/observations")["items"]
    return {each["provider"] for each in seen if each["ok"] and each["depth"] == "login"} == set(NAMES)
