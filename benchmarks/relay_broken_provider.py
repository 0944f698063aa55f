"""Messages that arrive while a provider is broken for seconds, in each of seven ways: none lost, none twice, none late.

320 messages in 16 seconds; the first of two providers is broken from the third to the eleventh. `--postfix` has the
same work done by a Postfix with the second provider as its fallback and its default timeouts, in the same run.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from ground.breakable import Breakable, Loop, Way, submit
from ground.figures import Verdict
from ground.mail_peers import postfix, relay

MESSAGES = 320
SECONDS = 16.0
BROKEN = (3.0, 11.0)
LATEST = 3.0
_LATE = 2.0
_PATIENCE = 40.0
WAYS = [way for way in Way if way is not Way.WELL]


async def arrive(port: int, first: Breakable, way: Way, base: int) -> dict[int, float]:
    """When each message was handed over; the provider breaks and heals meanwhile."""
    sent: dict[int, float] = {}
    began = time.monotonic()

    async def one(number: int) -> None:
        await asyncio.sleep(number * SECONDS / MESSAGES)
        sent[base + number] = time.monotonic()
        await submit(port, base + number)

    async def trouble() -> None:
        for at, what in zip(BROKEN, (way, Way.WELL), strict=True):
            await asyncio.sleep(began + at - time.monotonic())
            await asyncio.to_thread(first.be, what)

    await asyncio.gather(trouble(), *(one(number) for number in range(MESSAGES)))
    return sent


def measure(name: str, port: int, pair: tuple[Breakable, Breakable], way: Way, base: int) -> tuple[int, int, float]:
    """How many are missing, how many came twice, and the 99th percentile of the delay."""
    first, second = pair
    sent = asyncio.run(arrive(port, first, way, base))
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and not all(number in first.got or number in second.got for number in sent):
        time.sleep(0.05)
    arrived = {number: first.got.get(number, []) + second.got.get(number, []) for number in sent}
    delays = sorted(min(times) - sent[number] if times else _PATIENCE for number, times in arrived.items())
    missing = sum(not times for times in arrived.values())
    twice = sum(len(times) > 1 for times in arrived.values())
    p99 = delays[int(len(delays) * 0.99)]
    late = sum(delay > _LATE for delay in delays)
    print(
        f"{name:<8} {way:<18} missing {missing}, twice {twice}, p50 {delays[len(delays) // 2]:.3f} s, p99 {p99:.3f} s, "
        f"latest {delays[-1]:.3f} s, later than {_LATE:g} s {late}",
        flush=True,
    )
    return missing, twice, p99


def main() -> None:
    """Each way with a relay that begins anew."""
    verdict = Verdict()
    with_postfix = "--postfix" in sys.argv[1:]
    worst = 0.0
    missing = twice = 0
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, Loop() as loop:
        root = Path(folder)
        root.chmod(0o755)
        for place, way in enumerate(WAYS):
            first, second = Breakable(loop), Breakable(loop)
            with relay(root / f"relay-{place}", {"first": first.port, "second": second.port}) as ours:
                lost, again, p99 = measure("relay", ours.port, (first, second), way, place * 1000)
            missing, twice, worst = missing + lost, twice + again, max(worst, p99)
            if with_postfix:
                first, second = Breakable(loop), Breakable(loop)
                with postfix(root / f"postfix-{place}", first.port, second.port) as port:
                    measure("Postfix", port, (first, second), way, place * 1000)
    verdict.at_most("undelivered", missing, 0, margin=1.0)
    verdict.at_most("delivered twice", twice, 0, margin=1.0)
    verdict.at_most("worst p99 of the delay", worst, LATEST, "s")
    verdict.end()


if __name__ == "__main__":
    sys.exit(main())
