"""A message that is sent at the very moment at which the active provider dies: how long until the next one has it.

Each trial has a stream and two providers of its own, whose connection has just been used, so that nothing is known
beforehand.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ground.breakable import Breakable, Loop, Way, submit
from ground.figures import Verdict
from ground.mail_peers import free_port, relay

TRIALS = 12
LIMITS = {Way.REFUSED: 0.3, Way.GOODBYE: 0.3, Way.BLACKHOLE: 3.0, Way.DROPPED: 3.0, Way.SYN_DROPPED: 3.0}
_PATIENCE = 30.0


def die(port: int, first: Breakable, second: Breakable, way: Way, number: int) -> float:
    """One trial; seconds until the message was taken by the second provider."""
    asyncio.run(submit(port, number))
    until = time.monotonic() + _PATIENCE
    while number not in first.got and time.monotonic() < until:
        time.sleep(0.005)
    first.be(way)
    began = time.monotonic()
    asyncio.run(submit(port, number + 1))
    while number + 1 not in second.got:
        assert time.monotonic() < until, f"{way}: the message never arrived"
        time.sleep(0.001)
    return second.got[number + 1][0] - began


def main() -> None:
    """All trials in one relay."""
    verdict = Verdict()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, Loop() as loop:
        trials = [(way, place) for way in LIMITS for place in range(TRIALS)]
        pairs = [(Breakable(loop), Breakable(loop)) for _ in trials]
        ports = [free_port() for _ in trials]
        providers = {
            f"p{n}-{end}": each.port for n, pair in enumerate(pairs) for end, each in zip("ab", pair, strict=True)
        }
        tables = "".join(
            f'[streams.s{n}]\nproviders = ["p{n}-a", "p{n}-b"]\n'
            f'[relay.listeners.s{n}]\nlisten = "127.0.0.1:{port}"\nstream = "s{n}"\n'
            for n, port in enumerate(ports)
        )
        with relay(Path(folder) / "relay", providers, tables=tables):
            seconds: dict[Way, list[float]] = {way: [] for way in LIMITS}
            for n, ((way, _), (first, second)) in enumerate(zip(trials, pairs, strict=True)):
                seconds[way].append(die(ports[n], first, second, way, 10 * n))
    for way, limit in LIMITS.items():
        found = sorted(seconds[way])
        print(f"  {way}: median {statistics.median(found):.3f} s, latest {found[-1]:.3f} s of {TRIALS}")
        verdict.at_most(f"{way}, p95", found[int(len(found) * 0.95)], limit, "s")
    verdict.end()


if __name__ == "__main__":
    sys.exit(main())
