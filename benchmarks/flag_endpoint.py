"""The flag endpoint: requests per second beside Flask on waitress, the slowest percent, and 2,000 readers that wait.

Every request carries a token that is checked. The servers run in processes of their own, one at a time; wrk asks them
over 32 connections that stay open. `--serve edge` is such a process with the agent's own server, `--serve waitress` one
with the complete Flask application on waitress.
"""

import asyncio
import json
import logging
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ground.figures import Verdict, program, resident_mb

from mailover.clock import SystemClock
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.process import allow_many_files
from mailover.service import Service
from mailover.storage.sql import open_store
from webhooks.app import Application, create_app
from webhooks.auth import Gate, token
from webhooks.parts import EXTENSION
from webhooks.server import ApiServer

SECRET = "mlo_benchmark"
CONNECTIONS = 32
SECONDS = 3
ROUNDS = 5
READERS = 2000
FLIPS = 5
WAYS = ("edge", "waitress")
FLAG = "/v1/active-provider"


# -- the process that serves ------------------------------------------------------------------------------------------


def serve(way: str) -> None:
    """A house with two providers that nobody probes; its port is printed, and it serves until it is ended."""
    allow_many_files()
    policy = Policy(
        providers={name: Provider(name=name, host=f"{name}.example", port=587) for name in ("ses", "postmark")},
        streams={"mail": Stream(name="mail", providers=("ses", "postmark"))},
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder)}/benchmark.db")
        service = Service(store=store, policy=policy, default_stream="mail", clock=SystemClock(), identity="bench")
        service.start()
        app = create_app(service, Gate([token("benchmark", SECRET, ["read", "operate", "metrics"])], loopback=True))
        _serve_app(way, app)
        app.extensions[EXTENSION].close()
        service.stop()
        store.close()


def _serve_app(way: str, app: Application) -> None:
    if way == "edge":
        server = ApiServer(app, "127.0.0.1", 0)
        print(server.url.rpartition(":")[2], flush=True)
        server.run()
        return
    try:
        import waitress  # type: ignore[import-untyped]  # noqa: PLC0415 - a peer, in the extra `bench`
    except ImportError:
        print("waitress is missing: pip install '.[bench]'", file=sys.stderr)
        sys.exit(2)
    logging.getLogger("waitress").setLevel(
        logging.CRITICAL
    )  # it would log each request that waits, and be slowed by it
    peer: Any = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
    print(peer.effective_port, flush=True)
    peer.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A process that serves."""

    port: int
    pid: int


@contextmanager
def serving(way: str) -> Iterator[Serving]:
    """A process that serves this way, until the block is left."""
    with subprocess.Popen([sys.executable, __file__, "--serve", way], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        if not told:
            sys.exit(process.wait())
        try:
            yield Serving(port=int(told), pid=process.pid)
        finally:
            process.terminate()


# -- requests per second ----------------------------------------------------------------------------------------------


def ask(port: int) -> tuple[float, float]:
    """Requests per second, and the milliseconds that 99 of 100 stay under."""
    command = [program("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    command += ["-H", f"Authorization: Bearer {SECRET}", f"http://127.0.0.1:{port}{FLAG}"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "Non-2xx" not in told, told
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    assert rate is not None, told
    assert slowest is not None, told
    return float(rate[1]), float(slowest[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]]


def compare(verdict: Verdict) -> None:
    """All ways in turns, medians."""
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    slowest: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            with serving(way) as server:
                rate, slow = ask(server.port)
                rates[way].append(rate)
                slowest[way].append(slow)
    for way in WAYS:
        rate, slow = statistics.median(rates[way]), statistics.median(slowest[way])
        print(f"{way}: {rate:.0f} requests/s over {CONNECTIONS} connections, 99 % within {slow:.2f} ms")
    ours, theirs = (statistics.median(rates[way]) for way in WAYS)
    verdict.at_least("times the requests/s of Flask on waitress", ours / theirs, 5)
    verdict.at_most("99 % within", statistics.median(slowest["edge"]), 5, "ms")


# -- readers that wait ------------------------------------------------------------------------------------------------


async def park(server: Serving) -> tuple[float, list[float]]:
    """Park the readers, flip again and again; bytes that each reader costs, and seconds until the last one knew."""
    for path in (FLAG, "/metrics", "/v1/streams"):
        await _text(server.port, "GET", path)  # what is made once is no reader's
    before, told = resident_mb(server.pid), []
    connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(READERS)]
    epoch, each = (await _once(server.port, "GET", FLAG))["epoch"], 0.0
    for flip in range(FLIPS):
        waiting = [asyncio.create_task(_wait(*connection, epoch)) for connection in connections]
        await _until_parked(server.port)
        each = each or (resident_mb(server.pid) - before) * 1e6 / READERS
        pin = {"provider": ("postmark", "ses")[flip % 2], "minutes": 60, "reason": "benchmark"}
        begun = time.monotonic()
        await _once(server.port, "PUT", "/v1/streams/mail/pin", json.dumps(pin))
        epochs, last = zip(*await asyncio.gather(*waiting), strict=True)
        assert set(epochs) == {epoch + 1}, set(epochs)
        told.append(max(last) - begun)
        epoch += 1
    for _, writer in connections:
        writer.close()
    return each, told


async def _wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, epoch: int) -> tuple[int, float]:
    """One reader's wait: the epoch it got, and when."""
    writer.write(_request("GET", f"{FLAG}?epoch={epoch}&wait=60s"))
    body = await _body(reader)
    at = time.monotonic()
    return int(json.loads(body)["epoch"]), at


async def _until_parked(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = await _text(port, "GET", "/metrics")
        seated = re.search(rb"^mailover_waiting_clients ([\d.]+)$", told, re.MULTILINE)
        if seated is not None and float(seated[1]) == READERS:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{READERS} readers never waited at once")


async def _once(port: int, method: str, path: str, body: str = "") -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(await _text(port, method, path, body)))


async def _text(port: int, method: str, path: str, body: str = "") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(method, path, body))
    told = await _body(reader)
    writer.close()
    return told


def _request(method: str, path: str, body: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))


def keep_waiting(verdict: Verdict) -> None:
    """Readers that wait for a flip, and what they cost."""
    allow_many_files()
    with serving("edge") as server:
        each, told = asyncio.run(park(server))
    print(f"{READERS} waiting readers, {FLIPS} flips: the last one knew after {', '.join(f'{t:.3f}' for t in told)} s")
    verdict.at_most("the last of them told, median", statistics.median(told), 0.5, "s")
    verdict.at_most("memory of each", each / 1000, 10, "kB")


def main() -> None:
    """Both figures."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
        return
    verdict = Verdict()
    compare(verdict)
    keep_waiting(verdict)
    verdict.end()


if __name__ == "__main__":
    main()
