"""What systemd is told: ready, watched only while decisions are made, reloading, stopping."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running.agents import RunningAgent, Watching, until


class Ear:
    """The notify socket, as systemd holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._heard: list[str] = []

    @property
    def heard(self) -> list[str]:
        """Everything told so far, line by line."""
        while True:
            try:
                self._heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(tmp_path / "notify")
    yield ear
    ear.close()


@pytest.fixture
def agent(watching: Watching, ear: Ear) -> RunningAgent:
    return watching(env={"NOTIFY_SOCKET": str(ear.path), "WATCHDOG_USEC": "1000000"})


def fed(ear: Ear) -> int:
    return ear.heard.count("WATCHDOG=1")


def test_systemd_is_told_of_ready_reloading_and_stopping(agent: RunningAgent, ear: Ear) -> None:
    until(lambda: "READY=1" in ear.heard, "READY")
    assert f"STATUS=the API answers at http://127.0.0.1:{agent.port}" in ear.heard
    agent.signal(signal.SIGHUP)
    until(lambda: ear.heard.count("READY=1") == 2, "READY after the reload")
    kinds = [line.partition("=")[0] for line in ear.heard if not line.startswith(("WATCHDOG", "STATUS"))]
    assert kinds == ["READY", "RELOADING", "MONOTONIC_USEC", "READY"]
    agent.signal(signal.SIGTERM)
    assert agent.wait(10) == 0
    assert "STOPPING=1" in ear.heard


def test_a_reload_that_is_refused_ends_as_ready_too(agent: RunningAgent, ear: Ear) -> None:
    until(lambda: "READY=1" in ear.heard, "READY")
    agent.config.write_text("nonsense", encoding="utf-8")
    agent.signal(signal.SIGHUP)
    until(lambda: ear.heard.count("READY=1") == 2, "READY after the refusal")


def test_the_watchdog_is_fed_while_it_decides_and_at_no_other_time(agent: RunningAgent, ear: Ear) -> None:
    until(lambda: fed(ear) >= 3, "the third feeding")
    agent.signal(signal.SIGSTOP)
    time.sleep(0.3)
    before = fed(ear)
    time.sleep(1.5)  # what is tested is this span
    assert fed(ear) == before
    agent.signal(signal.SIGCONT)
    until(lambda: fed(ear) > before, "another feeding")
