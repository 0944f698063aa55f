"""Requests per second of the flag: answered at the edge, and through Flask behind a2wsgi, in one run on one machine.

Only the ratio means anything; absolute numbers follow the neighbours' load.
"""

import asyncio
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, cast

import uvicorn
from a2wsgi import WSGIMiddleware

from mailover.clock import SystemClock
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.service import Service
from mailover.storage.sql import open_store
from webhooks.app import Application, create_app
from webhooks.auth import Gate, token
from webhooks.edge import Edge
from webhooks.parts import EXTENSION
from webhooks.server import DeadlineProtocol

SECRET = "mlo_benchmark"
REQUEST = (
    b"GET /v1/active-provider HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\n\r\n"
)
CLIENTS = 16
SECONDS = 2.0
ROUNDS = 3


async def ask(port: int, until: float) -> int:
    """One client that asks again and again over one connection; how many answers it got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.monotonic() < until:
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        answered += 1
    writer.close()
    return answered


async def measure(port: int) -> float:
    """Requests per second of all clients together."""
    until = time.monotonic() + SECONDS
    return sum(await asyncio.gather(*(ask(port, until) for _ in range(CLIENTS)))) / SECONDS


def serve(asgi: Any) -> tuple[uvicorn.Server, threading.Thread, int]:
    """Run an ASGI application on a free port."""
    config = uvicorn.Config(
        asgi,
        port=0,
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread, server.servers[0].sockets[0].getsockname()[1]


def compare(app: Application) -> None:
    """Measure both ways in turns, and print medians."""
    ways = {"edge": serve(Edge(app)), "flask": serve(WSGIMiddleware(cast(Any, app), workers=16))}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (_, _, port) in ways.items():
            rates[name].append(asyncio.run(measure(port)))
    for server, thread, _ in ways.values():
        server.should_exit = True
        thread.join()
    medians = {name: statistics.median(each) for name, each in rates.items()}
    print({name: round(each) for name, each in medians.items()}, f"ratio {medians['edge'] / medians['flask']:.1f}")


def main() -> None:
    """A house with one provider, asked about its flag."""
    policy = Policy(
        providers={"ses": Provider(name="ses", host="smtp.example", port=587)},
        streams={"mail": Stream(name="mail", providers=("ses",))},
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder)}/benchmark.db")
        service = Service(store=store, policy=policy, default_stream="mail", clock=SystemClock(), identity="bench")
        service.start()
        app = create_app(service, Gate([token("benchmark", SECRET, ["read"])], loopback=True))
        compare(app)
        app.extensions[EXTENSION].close()
        service.stop()
        store.close()


if __name__ == "__main__":
    main()
