"""What a machine may run short of: descriptors, memory, a place for the log, CPU. The work goes on."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from hostile.servers import HostileServer, Peer
from running.agents import RunningAgent, Watching, until

from mailover.demo.behaviour import Behaviour
from mailover.demo.provider import Provider

MIB = 1024


def looks(agent: RunningAgent) -> int:
    return len(agent.get("/v1/observations", limit="500")["items"])


def resident(agent: RunningAgent) -> int:
    """What the process has in memory, in KiB."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("limit", [64, 100])
def test_with_few_descriptors_it_watches_and_answers(limit: int, watching: Watching, providers: list[Provider]) -> None:
    agent = watching(prefix=f"ulimit -n {limit}; exec")
    until(lambda: all(each.logins > 1 for each in providers), "logins everywhere")
    providers[0].behave(Behaviour.SILENT)
    until(lambda: agent.provider == "second", "the failover")
    assert agent.said("agent.blind") == []


def test_with_too_few_descriptors_it_says_so_and_does_not_start(tmp_path: Path, document: Mapping[str, Any]) -> None:
    agent = RunningAgent(tmp_path, document, prefix="ulimit -n 20; exec")
    agent.start()
    assert agent.wait() == 2
    assert agent.words() == ("mailover: only 20 files may be open (ulimit -n); mailover needs 64 at least\n")


def test_when_descriptors_run_out_nobody_is_blamed_and_it_recovers(watching: Watching) -> None:
    agent = watching()
    until(lambda: looks(agent) >= 6, "the first looks")
    pid = agent.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    until(lambda: agent.mode == "blind", "blindness")
    flag = agent.get("/v1/active-provider")
    assert (flag["provider"], flag["sending"]) == ("first", True)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    until(lambda: agent.mode == "normal", "sight")
    answer = requests.get(f"http://127.0.0.1:{agent.port}/v1/active-provider", timeout=10)
    assert answer.json()["provider"] == "first"
    assert (agent.moves(), len(agent.said("agent.blind")), agent.said("provider.opened")) == (0, 1, [])


def pours(peer: Peer) -> None:
    """A greeting that never ends, as fast as it is read."""
    while True:
        peer.say("220-" + "x" * 60_000)


def drips(peer: Peer) -> None:
    """A greeting that never ends, a letter at a time."""
    while True:
        peer.say(b"2")
        time.sleep(0.1)


@pytest.mark.parametrize("script", [pours, drips])
def test_a_provider_that_talks_without_end_costs_no_memory(
    script: Callable[[Peer], None], watching: Watching, document: Mapping[str, Any]
) -> None:
    with HostileServer(script) as server:
        accounts = {name: dict(each) for name, each in document["providers"].items()}
        accounts["first"]["port"] = server.port
        agent = watching(prefix="ulimit -v 4000000; exec", providers=accounts)
        until(lambda: agent.provider == "second", "the failover")
        before, seen = resident(agent), looks(agent)
        until(lambda: looks(agent) >= seen + 20, "twenty more looks")
        assert resident(agent) - before < 8 * MIB


@pytest.mark.parametrize("redirect", [">&- 2>&-", ">/dev/full 2>&1"])
def test_without_a_place_for_its_words_the_work_goes_on(
    redirect: str, tmp_path: Path, document: Mapping[str, Any], providers: list[Provider]
) -> None:
    agent = RunningAgent(tmp_path, document)
    with ExitStack() as stack:
        agent.start(redirect)
        stack.push(agent.__exit__)
        until(agent.answers, "an answer of the API")
        providers[0].behave(Behaviour.REFUSE)
        until(lambda: agent.provider == "second", "the failover")
        providers[0].behave(Behaviour.HEALTHY)
        until(lambda: agent.provider == "first", "the way back")


def test_a_starved_agent_blames_nobody(watching: Watching) -> None:
    """Four busy processes take the turns of each core: looks come late, and that is our own slowness."""
    agent = watching()
    until(lambda: looks(agent) >= 6, "the first looks")
    for thread in Path(f"/proc/{agent.process.pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), 10)
    with ExitStack() as stack:
        for _ in range(4 * (os.cpu_count() or 1)):
            busy = subprocess.Popen(["nice", "-n", "5", sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        begun, seen = time.monotonic(), looks(agent)
        while time.monotonic() - begun < 8:
            assert agent.provider == "first"
            time.sleep(0.5)
        assert looks(agent) > seen
    assert (agent.moves(), agent.said("provider.opened"), agent.said("agent.blind")) == (0, [], [])
