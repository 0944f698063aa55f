"""HAProxy follows the flag by its agent-check: drained within the interval, and left as it is when mailover dies."""

import csv
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from followed_house import Followed, followed, until
from real_daemon import Daemon, free_port

from mailover.demo.behaviour import Behaviour

pytestmark = pytest.mark.peer("haproxy")

INTERVAL = 0.25
CONFIG = """
global
    stats socket {control} level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen relays
    bind 127.0.0.1:{port}
    option redispatch
    retries 2
    default-server check inter 5s agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 250ms
    server first 127.0.0.1:{first} weight 100 agent-send "first\\n"
    server second 127.0.0.1:{second} weight 100 agent-send "second\\n"
"""


class Haproxy(Daemon):
    """Balances between the two providers, as the agent says."""

    def __init__(self, root: Path, mail: Followed) -> None:
        super().__init__(root)
        self.port = self.greets_on = free_port()
        self._control = root / "control"
        ports = {name: each.port for name, each in mail.providers.items()}
        agent = mail.house.adapters.port("haproxy")
        root.joinpath("haproxy.cfg").write_text(
            CONFIG.format(control=self._control, port=self.port, agent=agent, **ports)
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/haproxy", "-db", "-f", str(self.root / "haproxy.cfg")]

    def ask(self, command: str) -> str:
        """What its control socket answers."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self._control))
            wire.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: wire.recv(65536), b"")).decode()

    def server(self, name: str) -> dict[str, str]:
        """All that it knows of a server."""
        rows = csv.DictReader(self.ask("show stat").strip().removeprefix("# ").splitlines())
        return next(row for row in rows if row["svname"] == name)

    def status(self, name: str) -> str:
        return self.server(name)["status"]

    def greeting(self) -> str:
        """Who greets a client."""
        with socket.create_connection((self.host, self.port), timeout=10) as wire:
            return wire.recv(100).decode()


@pytest.fixture
def mail(tmp_path: Path, ca_file: str) -> Iterator[Followed]:
    with followed(tmp_path, ca_file, {"haproxy": {"listen": "127.0.0.1:0"}}) as house:
        yield house


@pytest.fixture
def haproxy(tmp_path: Path, mail: Followed) -> Iterator[Haproxy]:
    room = tmp_path / "haproxy"
    room.mkdir()
    running = Haproxy(room, mail)
    running.start()
    until(
        lambda: running.status("second") == "DRAIN (agent)" or running.status("second") == "DRAIN", "the first answer"
    )
    yield running
    running.stop()


def test_a_flip_drains_the_one_and_readies_the_other(haproxy: Haproxy, mail: Followed) -> None:
    assert "first.test" in haproxy.greeting()
    mail.pin("second")
    began = time.monotonic()
    until(lambda: haproxy.status("first").startswith("DRAIN") and haproxy.status("second") == "UP", "the flip")
    taken = time.monotonic() - began
    assert "second.test" in haproxy.greeting()
    assert taken < 10 * INTERVAL, "within its interval, but for a loaded machine"


def test_shares_are_weights(tmp_path: Path, ca_file: str) -> None:
    tables = {"haproxy": {"listen": "127.0.0.1:0"}}
    shares = {"mode": "balance", "weights": {"first": 0.9, "second": 0.1}}
    with followed(tmp_path, ca_file, tables, **shares) as mail:
        room = tmp_path / "haproxy"
        room.mkdir()
        running = Haproxy(room, mail)
        running.start()
        try:
            until(lambda: running.server("second")["weight"] == "10", "the weight")
            assert running.server("first")["weight"] == "90"
            greeted = [running.greeting() for _ in range(20)]
            assert 15 <= sum("first.test" in each for each in greeted) <= 19
        finally:
            running.stop()


def test_a_broken_one_is_down_and_says_why(tmp_path: Path, ca_file: str) -> None:
    with followed(tmp_path, ca_file, {"haproxy": {"listen": "127.0.0.1:0"}}, probes="1s") as mail:
        room = tmp_path / "haproxy"
        room.mkdir()
        running = Haproxy(room, mail)
        running.start()
        try:
            mail.providers["first"].behave(Behaviour.BUSY)
            until(lambda: running.status("first").startswith("DOWN"), "the first one's end")
            assert "first is out" in running.server("first")["last_agt"]
            assert "second.test" in running.greeting()
            mail.providers["first"].behave(Behaviour.HEALTHY)
            until(lambda: "DOWN" not in running.status("second"), "nothing")
        finally:
            running.stop()


def test_when_mailover_dies_the_last_state_stays(haproxy: Haproxy, mail: Followed) -> None:
    mail.pin("second")
    until(lambda: haproxy.status("first").startswith("DRAIN") and haproxy.status("second") == "UP", "the flip")
    mail.house.adapters.stop()
    time.sleep(4 * INTERVAL)
    assert haproxy.status("first").startswith("DRAIN")
    assert haproxy.status("second") == "UP"
    assert "second.test" in haproxy.greeting()


def test_the_config_is_one_that_haproxy_takes(haproxy: Haproxy) -> None:
    command = ["/usr/sbin/haproxy", "-c", "-f", str(haproxy.root / "haproxy.cfg")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
