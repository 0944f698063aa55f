"""Our own machine fails: its resolver, clock, descriptors, ports, its time. No provider is blamed for it."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.message
import pytest
from hostile.names import HostileNames, records
from running.agents import QUICK, RunningAgent, Watching, until
from running.networks import PROVIDERS, Network

FAKETIME = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "faketime" / "libfaketime.so.1"
FIRST_PORT, PORTS = 20000, 8
"""Outside the usual ephemeral ports, so that no connection of the agent holds one of them."""


def stayed_where_it_was(agent: RunningAgent) -> bool:
    return agent.provider == "first" and agent.moves() == 0 and agent.said("provider.opened") == []


class Names:
    """The name server of the agent's machine, which can fall mute."""

    def __init__(self, *, mute: bool) -> None:
        self.mute = mute

    def __call__(self, question: dns.message.Message) -> dns.message.Message | None:
        name = question.question[0].name.to_text().partition(".")[0]
        addresses = dict(zip(("first", "second", "third"), PROVIDERS, strict=True))
        return None if self.mute else records(question, addresses[name], ttl=1)


@contextmanager
def name_server(machine: Network, names: Names) -> Iterator[HostileNames]:
    with machine.inside():
        server = HostileNames(names)
        server.__enter__()
    try:
        yield server
    finally:
        with machine.inside():
            server.__exit__(None, None, None)


def test_a_resolver_that_falls_mute_leaves_the_last_good_addresses(watching: Watching, machine: Network) -> None:
    names = Names(mute=False)
    with name_server(machine, names) as server:
        agent = watching(by_name=True, resolver={"nameservers": [server.address]})
        names.mute = True
        asked = len(server.asked)
        until(lambda: len(server.asked) >= asked + 12, "questions to the mute server")
        seconds_for_twelve_looks(agent)
        assert stayed_where_it_was(agent)
        assert (agent.mode, agent.said("agent.blind")) == ("normal", [])


def test_a_resolver_that_is_mute_from_the_start_is_our_trouble(watching: Watching, machine: Network) -> None:
    names = Names(mute=True)
    with name_server(machine, names) as server:
        agent = watching(healthy=False, by_name=True, resolver={"nameservers": [server.address]})
        until(lambda: agent.mode == "blind", "blindness")
        names.mute = False
        until(lambda: agent.mode == "normal", "sight")
        assert stayed_where_it_was(agent)
        (alert,) = agent.said("agent.blind")
        assert "cannot be tried though a reference answers" in alert["data"]["because"]


PATIENT = {**QUICK, "retry_interval": "500ms", "deadline": "4s", "slow": "3s"}
"""Where each look at the clock reads a file, a handshake may take a second."""


class WallClock:
    """The wall clock of the agent's machine, which a test may step; the steady clock is left alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step("+0")
        self.env = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, offset: str) -> None:
        """How far it is from the truth, such as `-3600s`."""
        self._file.write_text(offset, encoding="ascii")


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    lacking = "libfaketime is not installed: `make peers` installs it"
    if not FAKETIME.exists() and os.environ.get("CI") == "true":
        pytest.fail(lacking, pytrace=False)
    if not FAKETIME.exists():
        pytest.skip(lacking)
    return WallClock(tmp_path / "offset")


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_a_wrong_clock_that_refuses_every_certificate_moves_nothing(
    offset: str, watching: Watching, wall_clock: WallClock
) -> None:
    agent = watching(env=wall_clock.env, probes=PATIENT)
    wall_clock.step(offset)
    until(lambda: agent.said("agent.blind") != [], "blindness")
    assert (agent.provider, agent.mode) == ("first", "blind")
    wall_clock.step("+0")
    until(lambda: agent.mode == "normal", "sight")
    assert stayed_where_it_was(agent)
    (alert,) = agent.said("agent.blind")
    assert "are refused for their dates at once: our clock is wrong, not they" in alert["data"]["because"]


def test_a_wall_clock_that_steps_by_hours_delays_no_look(watching: Watching, wall_clock: WallClock) -> None:
    agent = watching(env=wall_clock.env)
    for offset in ("-3600s", "+21600s"):
        wall_clock.step(offset)
        assert seconds_for_twelve_looks(agent) < 10
    assert stayed_where_it_was(agent)
    assert (agent.mode, agent.said("agent.blind")) == ("normal", [])


def seconds_for_twelve_looks(agent: RunningAgent) -> float:
    seen = looks(agent)
    return until(lambda: looks(agent) >= seen + 12, "twelve more looks")


def looks(agent: RunningAgent) -> int:
    return len(agent.get("/v1/observations", limit="500")["items"])


def test_without_file_descriptors_it_is_blind_and_then_sees_again(watching: Watching) -> None:
    agent = watching()
    pid = agent.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    until(lambda: agent.mode == "blind", "blindness")  # the event log needs descriptors of its own
    assert agent.provider == "first"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: agent.mode == "normal", "sight")
    assert stayed_where_it_was(agent)
    assert len(agent.said("agent.blind")) == 1
    assert "EMFILE" in str(agent.get("/v1/observations", limit="500")["items"])


def test_with_every_ephemeral_port_taken_it_is_blind_and_then_sees_again(watching: Watching, machine: Network) -> None:
    agent = watching()
    with ExitStack() as taken:
        with machine.inside():
            limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
            before = limits.read_text(encoding="ascii")
            for port in range(FIRST_PORT, FIRST_PORT + PORTS):
                taken.enter_context(socket.socket()).bind(("0.0.0.0", port))
            limits.write_text(f"{FIRST_PORT} {FIRST_PORT + PORTS - 1}", encoding="ascii")
        until(lambda: agent.said("agent.blind") != [], "blindness")
        assert agent.provider == "first"
    with machine.inside():
        limits.write_text(before, encoding="ascii")
    until(lambda: agent.mode == "normal", "sight")
    assert stayed_where_it_was(agent)
    assert len(agent.said("agent.blind")) == 1
    assert "EADDRNOTAVAIL" in str(agent.get("/v1/observations", limit="500")["items"])


def test_a_suspended_process_wakes_up_and_blames_nobody(watching: Watching) -> None:
    agent = watching()
    agent.signal(signal.SIGSTOP)
    time.sleep(6)  # what is tested is this span
    agent.signal(signal.SIGCONT)
    seconds_for_twelve_looks(agent)
    assert stayed_where_it_was(agent)
    assert (agent.mode, agent.said("agent.blind")) == ("normal", [])
