"""What a look costs: STARTTLS port probes per second of CPU beside blackbox_exporter's, and 500 providers on one core.

The same server, in a process of its own, answers both; CPU time is compared, so neighbours' load matters little.
`--agent` is the second half alone: the whole agent, store included, held on one core while it watches 500 providers.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from ground.figures import Verdict, cpu_seconds, program
from ground.providers import Server, quick_server

from agent.probes import Target
from agent.probes.prober import Prober
from mailover.bootstrap import assemble
from mailover.config import build
from mailover.core.draft import ProbeOrder
from mailover.core.observations import Observation, ProbeKind, Purpose
from mailover.demo.scene import free_port
from mailover.loops import new_loop
from mailover.resolve import Resolver
from mailover.smtp import Endpoint
from mailover.storage.sql import SqlStore

PROBES = 400
AT_ONCE = 8
ROUNDS = 5
PROVIDERS = 500
INTERVAL = 5.0
SECONDS = 30.0
JITTER = 0.1
LATE = 0.5
"""Seconds past the latest moment that the jitter allows after which a probe is late."""

MODULE = """
modules:
  smtp:
    prober: tcp
    timeout: 10s
    tcp:
      tls_config: {{ca_file: {ca_file}, server_name: 127.0.0.1}}
      query_response:
        - expect: "^220"
        - send: "EHLO bench"
        - expect: "^250 "
        - send: "STARTTLS"
        - expect: "^220"
        - starttls: true
        - send: "EHLO bench"
        - expect: "^250 "
        - send: "QUIT"
        - expect: "^221"
"""


# -- one probe --------------------------------------------------------------------------------------------------------


async def probe_with_mailover(server: Server) -> float:
    """CPU milliseconds of one probe by `agent.probes`."""
    heard: list[object] = []
    prober = Prober(
        {"it": Target(provider="it", endpoint=Endpoint(host="127.0.0.1", port=server.port, ca_file=server.ca_file))},
        hear=lambda *told: heard.extend(told),
        now=lambda: datetime.now(UTC),
        resolver=Resolver(),
    )
    order = ProbeOrder(provider="it", probe=ProbeKind.PORT, purpose=Purpose.MANUAL)
    begun = _used()
    for _ in range(PROBES // AT_ONCE):
        await prober.run(*[order] * AT_ONCE)
    used = _used() - begun
    await prober.stop()
    good = sum(isinstance(each, Observation) and each.ok for each in heard)
    assert good == PROBES, f"{good} of {PROBES} probes saw the server"
    return 1000 * used / PROBES


def _run(measurement: Coroutine[Any, Any, float]) -> float:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(measurement)


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def blackbox(directory: Path, server: Server) -> Iterator[tuple[int, str]]:
    """The exporter with one module; its process and the address of a probe."""
    config, port = directory / "blackbox.yml", free_port()
    config.write_text(MODULE.format(ca_file=server.ca_file))
    command = [program("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")]
    command += [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _await_answer(f"{address}/-/healthy")
            yield process.pid, f"{address}/probe?module=smtp&target=127.0.0.1:{server.port}"
        finally:
            process.terminate()


def _await_answer(url: str) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def probe_with_blackbox(pid: int, url: str) -> float:
    """CPU milliseconds of one probe by the exporter; those of who asks it are not counted."""
    begun = cpu_seconds(pid)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: _ask(url), range(PROBES)))
    assert all("probe_success 1" in answer for answer in answers), "the exporter did not see the server"
    return 1000 * (cpu_seconds(pid) - begun) / PROBES


def _ask(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def compare(verdict: Verdict) -> None:
    """Both in turns, medians."""
    with tempfile.TemporaryDirectory() as folder, quick_server(Path(folder)) as server:
        _run(probe_with_mailover(server))
        with blackbox(Path(folder), server) as (pid, url):
            probe_with_blackbox(pid, url)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(_run(probe_with_mailover(server)))
                theirs.append(probe_with_blackbox(pid, url))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"one STARTTLS probe: mailover {mine:.2f} ms of CPU, blackbox_exporter {peer:.2f} ms")
    verdict.at_least("probes per second of CPU", 1000 / mine, 1000 / peer, "beside blackbox_exporter")


# -- 500 providers ----------------------------------------------------------------------------------------------------


def watch_many(port: int, ca_file: str) -> None:
    """The whole agent on one core; prints `probes late worst-seconds lag-seconds cpu-share`."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    names = [f"p{n:03d}" for n in range(PROVIDERS)]
    account = {"host": "127.0.0.1", "port": port, "tls": "starttls", "ca_file": ca_file, "from": "a@example.com"}
    with tempfile.TemporaryDirectory() as folder:
        said = {
            "server": {"listen": "127.0.0.1:0"},
            "storage": {"url": f"sqlite:///{folder}/many.db"},
            "providers": {name: dict(account) for name in names},
            "streams": {"mail": {"providers": names}},
            "probes": {"port_interval": f"{INTERVAL:g}s"},
        }
        house = assemble(build(said, {}))
        house.start()
        time.sleep(2 * INTERVAL)  # every provider has been looked at, and the start is over
        used, begun, since = _used(), time.monotonic(), house.service.clock.now()
        time.sleep(SECONDS)
        share = (_used() - used) / (time.monotonic() - begun)
        until = house.service.clock.now()
        lag = (until - _latest(house.store)).total_seconds()
        house.stop()
        house = assemble(build(said, {}))
        starts = _starts(house.store, since - timedelta(seconds=2 * INTERVAL), until)
        house.store.close()
    gaps = [(b - a).total_seconds() for each in starts.values() for a, b in pairwise(sorted(each))]
    gaps += [(until - max(each)).total_seconds() for each in starts.values()]
    limit = INTERVAL * (1 + 2 * JITTER) + LATE
    late = sum(gap > limit for gap in gaps) + PROVIDERS - len(starts)
    print(sum(map(len, starts.values())), late, max(gaps) - limit + LATE, lag, share)


def _latest(store: SqlStore) -> datetime:
    return store.observations(limit=1, newest_first=True).items[0].finished_at


def _starts(store: SqlStore, since: datetime, until: datetime) -> dict[str, list[datetime]]:
    """When each provider's scheduled probes were started, by the health log."""
    starts: dict[str, list[datetime]] = {}
    after: str | None = None
    while True:
        page = store.observations(limit=1000, after=after)
        for seen in page.items:
            if seen.purpose is Purpose.SCHEDULED and since <= seen.started_at <= until:
                starts.setdefault(seen.provider, []).append(seen.started_at)
        if page.next is None:
            return starts
        after = page.next


def many(verdict: Verdict) -> None:
    """Run the half that is held on one core."""
    with tempfile.TemporaryDirectory() as folder, quick_server(Path(folder)) as server:
        command = [sys.executable, __file__, "--agent", str(server.port), server.ca_file]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    probes, late, worst, lag, share = map(float, done.stdout.split()[-5:])
    print(f"{PROVIDERS} providers every {INTERVAL:g} s on one core: {probes:.0f} probes in the log, {share:.0%} of it")
    verdict.at_most("late probes", late, 0)
    verdict.at_most("the latest after its moment", worst, LATE, "s")
    verdict.at_most("the log behind the last look", lag, 1.0, "s")


def main() -> None:
    """Both halves."""
    if sys.argv[1:2] == ["--agent"]:
        watch_many(int(sys.argv[2]), sys.argv[3])
        return
    verdict = Verdict()
    compare(verdict)
    many(verdict)
    verdict.end()


if __name__ == "__main__":
    main()
