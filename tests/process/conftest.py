"""Three healthy providers on loopback, and an agent that watches them as a process of its own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running.agents import QUICK, RunningAgent, Watching
from running.distant import accounts

from mailover.demo.provider import Provider

NAMES = ("first", "second", "third")


@pytest.fixture
def providers() -> Iterator[list[Provider]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Provider(name)) for name in NAMES]


@pytest.fixture
def document(providers: list[Provider], ca_file: str) -> Mapping[str, Any]:
    """A config with a quick rhythm."""
    return {
        "providers": accounts(providers, ca_file),
        "streams": {"mail": {"providers": list(NAMES)}},
        "probes": QUICK,
        "breaker": {"open_for": "1s", "failback_after": "1s"},
    }


@pytest.fixture
def watching(tmp_path: Path, document: Mapping[str, Any]) -> Iterator[Watching]:
    """Start an agent and wait for its first answer."""
    with ExitStack() as stack:

        def start(*, env: Mapping[str, str] | None = None, prefix: str = "", **tables: Any) -> RunningAgent:
            agent = RunningAgent(tmp_path, {**document, **tables}, env=env, prefix=prefix)
            return stack.enter_context(agent)

        yield start
