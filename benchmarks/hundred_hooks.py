"""Outgoing webhooks to 100 receivers, of which 10 hang and 10 refuse: how late the healthy ones hear, and what is lost.

First 100 events, two a second: the time from the commit to the request, its order, repeats. Then the sender is killed
with -9 amid a burst and started again. Sender and receivers are processes of their own, as they are in life.
"""

import asyncio
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

from ground.figures import Verdict

from mailover.addresses import Reach
from mailover.alerts.hooks import HookSender
from mailover.alerts.hooks_pool import HookPool
from mailover.clock import SystemClock
from mailover.core.events import Event, EventType, Severity
from mailover.core.fleet import found
from mailover.core.policy import Policy
from mailover.storage.roster import Hook, Roster, new_signing_secret
from mailover.storage.sql import open_store

HEALTHY, HANGING, REFUSING = 80, 10, 10
EVENTS, PER_SECOND = 100, 2.0
BURST, BURST_PER_SECOND = 40, 8.0
P99_LIMIT = 1.0
SETTLES_WITHIN = 70.0
"""Seconds after a kill: what the dead process had under way is free again when its lease ends."""
_OK = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Receivers:
    """All of them behind one port, told apart by their paths."""

    port: int = 0
    arrived: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    """By receiver: event and moment."""

    async def serve(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def heard(self) -> int:
        """Requests that the healthy ones got so far."""
        return sum(len(self.arrived[f"healthy-{n}"]) for n in range(HEALTHY))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            name = head.split(" ", 2)[1].strip("/")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(fields["content-length"]))
            if name.startswith("hanging"):
                await reader.read()
                return
            self.arrived[name].append((fields["webhook-id"], time.monotonic()))
            writer.write(_OK)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def send(database: str, port: int, first: int, last: int, per_second: float) -> None:
    """The sender's process: it commits events at their time, says when, and sends until it is ended."""
    logging.disable()
    clock, reach = SystemClock(), Reach(private=True)
    secret = new_signing_secret()
    ports = {"healthy": (HEALTHY, port), "hanging": (HANGING, port), "refusing": (REFUSING, 1)}
    hooks = [
        Hook(name=f"{kind}-{n}", url=f"http://127.0.0.1:{where}/{kind}-{n}", secret=secret, reach=reach)
        for kind, (count, where) in ports.items()
        for n in range(count)
    ]
    store = open_store(f"sqlite:///{database}")
    roster = Roster(store.hooks, clock, hooks)
    pool = HookPool(roster, HookSender("mailover/benchmark", clock), clock)
    pool.start()
    begun = time.monotonic()
    for number in range(first, last + 1):
        time.sleep(max(0.0, begun + (number - first) / per_second - time.monotonic()))
        event = Event(
            id=f"evt_bench_{number:09d}",
            type=EventType.FAILOVER_HAPPENED,
            subject="stream/mail",
            at=clock.now(),
            severity=Severity.WARNING,
            because="postmark is out: logins fail",
            data={"stream": "mail", "from": "postmark", "to": "ses", "provider": "ses", "epoch": number},
        )
        before = store.load()
        fleet = before or found(Policy(providers={}, streams={}), "bench", clock.now())
        store.commit(replace(fleet, version=fleet.version + 1), before, events=[event], endpoints=roster.routes)
        print(event.id, time.monotonic(), flush=True)
        pool.wake()
    print("end", flush=True)
    time.sleep(3600)


async def run(
    receivers: Receivers, database: str, *, last: int, per_second: float, first: int = 1, until: int | None = None
) -> "Sent":
    """Start the sender and read what it says, until it is through or has said `until` events."""
    command = [sys.executable, __file__, database, str(receivers.port), str(first), str(last), str(per_second)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    committed: dict[str, float] = {}
    while (line := (await process.stdout.readline()).decode().split()) and line[0] != "end":
        committed[line[0]] = float(line[1])
        if len(committed) == until:
            break
    return Sent(process=process, committed=committed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A sender, still running, and what it has committed."""

    process: asyncio.subprocess.Process
    committed: dict[str, float]

    async def end(self) -> None:
        """At once, as a machine that loses its power does."""
        self.process.kill()
        await self.process.wait()


async def until_all_have(receivers: Receivers, count: int, within: float) -> None:
    """Wait for the healthy ones."""
    ends_at = time.monotonic() + within
    while time.monotonic() < ends_at:
        complete = [n for n in range(HEALTHY) if len({e for e, _ in receivers.arrived[f"healthy-{n}"]}) >= count]
        if len(complete) == HEALTHY:
            return
        await asyncio.sleep(0.1)


def first_order(arrivals: list[tuple[str, float]]) -> list[str]:
    """Events in the order in which each came first."""
    return list(dict.fromkeys(event for event, _ in arrivals))


async def steady(verdict: Verdict, folder: Path) -> None:
    """Two events a second."""
    receivers = Receivers()
    server = await receivers.serve()
    sent = await run(receivers, str(folder / "steady.db"), last=EVENTS, per_second=PER_SECOND)
    await until_all_have(receivers, EVENTS, 30)
    await sent.end()
    server.close()
    healthy = [receivers.arrived[f"healthy-{n}"] for n in range(HEALTHY)]
    late = [moment - sent.committed[event] for arrivals in healthy for event, moment in arrivals]
    print(f"{EVENTS} events, {PER_SECOND:g} a second, {HEALTHY + HANGING + REFUSING} receivers, {len(late)} requests")
    cuts = statistics.quantiles(late, n=100)
    verdict.at_most("healthy receivers hear within, median", cuts[49], P99_LIMIT, "s")
    verdict.at_most("healthy receivers hear within, p99", cuts[98], P99_LIMIT, "s")
    tell(verdict, healthy, list(sent.committed))


async def killed(verdict: Verdict, folder: Path) -> None:
    """A burst, and the sender's end in its midst."""
    receivers = Receivers()
    server = await receivers.serve()
    database = str(folder / "killed.db")
    one = await run(receivers, database, last=BURST, per_second=BURST_PER_SECOND, until=BURST // 2)
    while (at_kill := receivers.heard()) < (BURST // 2 - 0.5) * HEALTHY:  # noqa: ASYNC110 - a kill in the midst
        await asyncio.sleep(0.001)
    await one.end()
    two = await run(receivers, database, first=BURST // 2 + 1, last=BURST, per_second=BURST_PER_SECOND)
    await until_all_have(receivers, BURST, SETTLES_WITHIN)
    await two.end()
    server.close()
    print(f"kill -9 after {BURST // 2} of {BURST} events, when {at_kill} requests had arrived")
    tell(verdict, [receivers.arrived[f"healthy-{n}"] for n in range(HEALTHY)], [*one.committed, *two.committed])


def tell(verdict: Verdict, healthy: list[list[tuple[str, float]]], events: list[str]) -> None:
    """What was lost, out of order and repeated."""
    lost = sum(len(set(events) - {event for event, _ in arrivals}) for arrivals in healthy)
    disordered = sum(first_order(arrivals) != sorted(first_order(arrivals)) for arrivals in healthy)
    repeated = sum(len(arrivals) - len(first_order(arrivals)) for arrivals in healthy)
    verdict.at_most("requests lost", lost, 0)
    verdict.at_most("receivers that heard out of order", disordered, 0)
    print(f"  repeats, each with its first id: {repeated}")


async def main() -> Verdict:
    """Both."""
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        await steady(verdict, Path(folder))
        await killed(verdict, Path(folder))
    return verdict


if __name__ == "__main__":
    if sys.argv[1:]:
        send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        asyncio.run(main()).end()
