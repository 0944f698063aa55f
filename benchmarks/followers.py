"""What follows the flag: what an answer costs, and how long after a flip's commit each follower knows.

An OFREP evaluation beside a plain read of the flag (wrk, in turns), Postfix's own lookups over one connection, 2,000
readers of the event stream, and the time from the commit to a waiting reader, an event stream, OFREP's stream, a flag
file and a real HAProxy. `--serve` is the process that is asked for the first three, `--flips` takes the last one alone.
"""

import asyncio
import csv
import http.client
import json
import logging
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from ground.figures import Verdict, cpu_seconds, program
from ground.houses import PATIENCE

from mailover.bootstrap import House, assemble
from mailover.clock import SystemClock
from mailover.config import build
from mailover.config.adapters import AdaptersSettings, OfrepSettings, SocketmapSettings
from mailover.config.fields import Address
from mailover.core.commands import PinProvider
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.demo.authority import shared_authority
from mailover.demo.provider import Provider as FakeProvider
from mailover.process import allow_many_files
from mailover.service import Service
from mailover.storage.sql import open_store
from webhooks.adapters.running import Adapters
from webhooks.app import create_app
from webhooks.auth import Gate, token
from webhooks.server import ApiServer

SECRET = "mlo_benchmark"
ROUNDS, SECONDS, CONNECTIONS = 5, 3, 32
LOOKUPS = 20_000
READERS, STREAM_FLIPS = 2000, 5
FLIPS = 21
EVALUATE = """
wrk.method = "POST"
wrk.body = '{"context":{"targetingKey":"user-7","stream":"mail","recipient":"anna@shop.example"}}'
wrk.headers["Content-Type"] = "application/json"
"""
HAPROXY = """
global
    stats socket {control}
defaults
    mode tcp
    timeout connect 2s
    timeout client 10s
    timeout server 10s
backend relays
    default-server check inter 5s agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 250ms
    server first 127.0.0.1:{first} weight 100 agent-send "first\\n"
    server second 127.0.0.1:{second} weight 100 agent-send "second\\n"
"""


# -- the process that serves ------------------------------------------------------------------------------------------


def serve() -> None:
    """The API and the socketmap of a house that nobody probes; their ports are printed."""
    allow_many_files()
    policy = Policy(
        providers={name: Provider(name=name, host=f"{name}.example", port=587) for name in ("ses", "postmark")},
        streams={"mail": Stream(name="mail", providers=("ses", "postmark"))},
    )
    settings = AdaptersSettings(
        ofrep=OfrepSettings(), socketmap=SocketmapSettings(listen=Address(host="127.0.0.1", port=0))
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/benchmark.db")
        service = Service(store=store, policy=policy, default_stream="mail", clock=SystemClock(), identity="bench")
        service.start()
        gate = Gate([token("benchmark", SECRET, ["read", "operate", "metrics"])], loopback=True)
        app = create_app(service, gate, adapters=lambda: settings)
        adapters = Adapters(service)
        adapters.use(settings)
        server = ApiServer(app, "127.0.0.1", 0)
        print(server.url.rpartition(":")[2], adapters.port("socketmap"), flush=True)
        server.run()
        adapters.stop()
        service.stop()
        store.close()


@contextmanager
def serving() -> Iterator[tuple[int, int, int]]:
    """The ports of the API and of the socketmap, and the process's id."""
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            api, lookups = process.stdout.readline().split()
            yield int(api), int(lookups), process.pid
        finally:
            process.terminate()


# -- what an answer costs ---------------------------------------------------------------------------------------------


def compare(verdict: Verdict, port: int, pid: int, folder: Path) -> None:
    """A plain read and an evaluation, in turns; what each costs the server, whatever else the machine does."""
    script = folder / "evaluate.lua"
    script.write_text(EVALUATE)
    home = f"http://127.0.0.1:{port}"
    ways = {
        "a plain read": [f"{home}/v1/active-provider"],
        "OFREP active-provider": ["-s", str(script), f"{home}/ofrep/v1/evaluate/flags/active-provider"],
        "OFREP smtp-relay": ["-s", str(script), f"{home}/ofrep/v1/evaluate/flags/smtp-relay"],
    }
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, asked in ways.items():
            costs[way].append(_cost(asked, pid))
    plain, *others = (statistics.median(each) for each in costs.values())
    for way, cost in zip(ways, (plain, *others), strict=True):
        print(f"{way}: {cost * 1e6:.0f} us of CPU, over {CONNECTIONS} connections")
    for way, cost in zip(list(ways)[1:], others, strict=True):
        verdict.at_most(f"{way}, of a plain read's cost", cost / plain, 2)


def _cost(asked: list[str], pid: int) -> float:
    """CPU seconds of the server for each request."""
    command = [program("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s"]
    command += ["-H", f"Authorization: Bearer {SECRET}", *asked]
    before = cpu_seconds(pid)
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    used = cpu_seconds(pid) - before
    assert "Non-2xx" not in told, told
    answered = re.search(r"(\d+) requests in", told)
    assert answered is not None, told
    return used / int(answered[1])


def look_up(verdict: Verdict, port: int) -> None:
    """Postfix's own client, over one connection."""
    with tempfile.TemporaryDirectory() as config:
        Path(config, "main.cf").touch()
        asked = ["-c", config, "-q", "-", f"socketmap:inet:127.0.0.1:{port}:transport"]
        rates = [_lookups([program("postmap", "postfix"), *asked]) for _ in range(ROUNDS)]
    verdict.at_least("Postfix's lookups over one connection", statistics.median(rates), 5000, "/s")


def _lookups(command: list[str]) -> float:
    """A second's."""
    keys = "".join(f"user-{n}@shop.example\n" for n in range(LOOKUPS))
    begun = time.monotonic()
    told = subprocess.run(command, input=keys, check=True, stdout=subprocess.PIPE, text=True).stdout
    taken = time.monotonic() - begun
    assert told.count("smtp:[ses.example]:587, [postmark.example]:587") == LOOKUPS
    return LOOKUPS / taken


# -- 2,000 readers of the event stream --------------------------------------------------------------------------------


async def stream_to_many(port: int) -> list[float]:
    """Seconds until the last of them was told, for each flip."""
    gate, told = asyncio.Semaphore(200), []

    async def connect() -> asyncio.StreamReader:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            writer.write(_request("GET", "/v1/events", accept="text/event-stream"))
            await reader.readuntil(b": ka")
            return reader

    writers: list[asyncio.StreamWriter] = []
    readers = await asyncio.gather(*(connect() for _ in range(READERS)))
    for flip in range(STREAM_FLIPS):
        waiting = [asyncio.create_task(_event(reader)) for reader in readers]
        pin = {"provider": ("postmark", "ses")[flip % 2], "minutes": 60, "reason": "benchmark"}
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request("PUT", "/v1/streams/mail/pin", body=json.dumps(pin)))
        await reader.readuntil(b"\r\n")
        told.append(max(await asyncio.gather(*waiting)) - begun)
        writers.append(writer)
        await asyncio.sleep(0.5)
    for writer in writers:
        writer.close()
    return told


async def _event(reader: asyncio.StreamReader) -> float:
    await reader.readuntil(b"event: stream.pinned")
    return time.monotonic()


def _request(method: str, path: str, *, accept: str = "application/json", body: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\nAccept: {accept}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


# -- from the commit to each follower ---------------------------------------------------------------------------------


class Stopwatch:
    """When the last flip was committed, and when each follower knew."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.committed = 0.0
        self.wanted = ""
        self.known: dict[str, list[float]] = {}
        self._left: set[str] = set()
        self._all = threading.Event()
        house.service.listen(lambda snapshot, _decision: self._commit(snapshot.flags["mail"].flag.provider))

    def _commit(self, provider: str | None) -> None:
        if provider == self.wanted and not self.committed:
            self.committed = time.monotonic()

    def tell(self, follower: str, provider: str) -> None:
        """A follower knows this provider now."""
        at = time.monotonic()
        if provider == self.wanted and follower in self._left:
            self._left.discard(follower)
            while not self.committed:  # the deciding thread may be a line behind
                time.sleep(0.0001)
            self.known.setdefault(follower, []).append(at - self.committed)
            if not self._left:
                self._all.set()

    def flip(self, provider: str, followers: set[str]) -> None:
        """Move the flag; returns when all know."""
        self._left, self.committed, self.wanted = set(followers), 0.0, provider
        self._all.clear()
        service = self.house.service
        until = service.clock.now() + timedelta(hours=1)
        service.order(PinProvider(stream="mail", provider=provider, until=until, reason="benchmark"))
        assert self._all.wait(PATIENCE), f"{self._left} never knew"


def follow(verdict: Verdict) -> None:
    """One house, five followers."""
    limits = {
        "a waiting reader": 0.05,
        "the event stream": 0.05,
        "OFREP's stream": 0.05,
        "a flag file": 0.1,
        "HAProxy": 0.25,
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        logging.disable(logging.CRITICAL)
        providers = {name: stack.enter_context(FakeProvider(name)) for name in ("first", "second")}
        house = assemble(build(_document(folder, providers), {}))
        house.start()
        stack.callback(house.stop)
        _until(lambda: all(each.ok_at is not None for each in house.service.snapshot.fleet.breakers.values()))
        watch = Stopwatch(house)
        address = house.api.url.removeprefix("http://")
        control = stack.enter_context(_haproxy(folder, house.adapters.port("haproxy"), providers))
        ways: dict[str, Callable[[], None]] = {
            "a waiting reader": lambda: _wait(address, watch),
            "the event stream": lambda: _listen(address, "/v1/events", watch, "the event stream"),
            "OFREP's stream": lambda: _listen(address, "/ofrep/v1/stream", watch, "OFREP's stream"),
            "a flag file": lambda: _read_file(folder / "mail", watch),
            "HAProxy": lambda: _ask_haproxy(control, watch),
        }
        for way in ways.values():
            threading.Thread(target=_to_the_end, args=(way,), daemon=True).start()
        time.sleep(1)
        for flip in range(FLIPS):
            watch.flip(("second", "first")[flip % 2], set(ways))
            time.sleep(0.3 + 0.017 * flip)  # at another moment of HAProxy's interval each time
    for name, limit in limits.items():
        taken = watch.known[name]
        middle, worst = statistics.median(taken), max(taken)
        print(f"{name}: {len(taken)} flips, median {middle * 1000:.1f} ms, worst {worst * 1000:.1f} ms")
        verdict.at_most(f"{name}, median", middle, limit, "s")


def _to_the_end(way: Callable[[], None]) -> None:
    """A follower ends when the house does."""
    with suppress(OSError, http.client.HTTPException, ValueError):
        way()


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def _document(folder: Path, providers: Mapping[str, FakeProvider]) -> dict[str, object]:
    ca_file = shared_authority().write(folder / "ca.pem")
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{folder}/house.db"},
        "providers": {
            name: {"host": each.host, "port": each.port, "ca_file": ca_file} for name, each in providers.items()
        },
        "streams": {"mail": {"providers": ["first", "second"]}},
        "probes": {"port_interval": "1h", "login_interval": "1h"},
        "adapters": {
            "ofrep": {},
            "haproxy": {"listen": "127.0.0.1:0"},
            "files": {"directory": str(folder), "formats": ["plain"]},
        },
    }


def _wait(address: str, watch: Stopwatch) -> None:
    connection, epoch = http.client.HTTPConnection(address, timeout=90), 0
    while True:
        connection.request("GET", f"/v1/active-provider?epoch={epoch}&wait=60s")
        flag = json.loads(connection.getresponse().read())
        epoch = flag["epoch"]
        watch.tell("a waiting reader", flag["provider"])


def _listen(address: str, path: str, watch: Stopwatch, name: str) -> None:
    """Any event that comes after a flip is news of it: nothing else happens in this house."""
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.request("GET", path, headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    while line := answer.readline():
        if line.startswith(b"data:"):
            watch.tell(name, watch.wanted)


def _read_file(path: Path, watch: Stopwatch) -> None:
    while True:
        time.sleep(0.001)
        if path.exists():
            watch.tell("a flag file", path.read_text().strip())


def _ask_haproxy(control: Path, watch: Stopwatch) -> None:
    while True:
        time.sleep(0.002)
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(control))
            wire.sendall(b"show stat\n")
            told = b"".join(iter(lambda: wire.recv(65536), b"")).decode()
        rows = csv.DictReader(told.strip().removeprefix("# ").splitlines())
        up = [row["svname"] for row in rows if row["svname"] in {"first", "second"} and row["status"].startswith("UP")]
        if len(up) == 1:
            watch.tell("HAProxy", up[0])


@contextmanager
def _haproxy(folder: Path, agent: int, providers: Mapping[str, FakeProvider]) -> Iterator[Path]:
    config, control = folder / "haproxy.cfg", folder / "control"
    ports = {name: each.port for name, each in providers.items()}
    config.write_text(HAPROXY.format(control=control, agent=agent, **ports))
    with subprocess.Popen([program("haproxy", "haproxy"), "-db", "-q", "-f", str(config)]) as process:
        try:
            _until(control.exists)
            yield control
        finally:
            process.terminate()


def main() -> None:
    """All figures."""
    if sys.argv[1:2] == ["--serve"]:
        serve()
        return
    verdict = Verdict()
    allow_many_files()
    if sys.argv[1:2] == ["--flips"]:
        follow(verdict)
        verdict.end()
    with serving() as (api, lookups, pid), tempfile.TemporaryDirectory() as folder:
        compare(verdict, api, pid, Path(folder))
        look_up(verdict, lookups)
        told = asyncio.run(stream_to_many(api))
    print(f"{READERS} readers of the event stream: the last one told after {', '.join(f'{t:.3f}' for t in told)} s")
    verdict.at_most("the last of them told, median", statistics.median(told), 0.5, "s")
    follow(verdict)
    verdict.end()


if __name__ == "__main__":
    main()
