"""Our SPF evaluator and pyspf on the RFC 7208 suite, through the same loopback name server, in turns, in one run.

pyspf is wanted here only: `pip install pyspf`. Without it our own figure is printed alone. Cases that would measure a
timeout are left out: those in which the suite wants a name server to be silent, and the one with a TXT record without
a string, which pyspf's resolver waits out as if nobody had answered.
"""

import asyncio
import importlib.util
import multiprocessing
import select
import socket
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import dns.message
import dns.rdatatype
import dns.resolver

from dns_checks.lookup import DnsLookup
from dns_checks.remembered import Remembered
from dns_checks.servers import Server
from dns_checks.spf.evaluation import check_host
from dns_checks.spf.parsing import parse

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dns_checks"))
suite = importlib.import_module("rfc7208_suite")

ROUNDS = 7
WAITING = {
    "null-text",
    "txttimeout",
    "nospftxttimeout",
    "alltimeout",
    "include-temperror",
    "exists-dnserr",
    "exp-dns-error",
}


def serve(pipe: Connection) -> None:
    """A name server for every scenario, in a process of its own; tells the ports, then answers for ever."""
    zones = {}
    for scenario in suite.load_suite():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        zones[sock] = scenario.zones
    pipe.send([sock.getsockname()[1] for sock in zones])
    known: dict[tuple[int, bytes], bytes] = {}
    while True:
        for sock in select.select(list(zones), [], [])[0]:
            data, sender = sock.recvfrom(4096)
            key = (sock.fileno(), data[2:])
            if key not in known:
                known[key] = zones[sock].answer(dns.message.from_wire(data)).to_wire(max_size=65535)[2:]
            sock.sendto(data[:2] + known[key], sender)


def ours(ports: list[int], cases: list[tuple[int, suite.Case]]) -> int:
    """How many end as the suite says; nothing is remembered from one case to the next."""

    async def run() -> int:
        good = 0
        for number, case in cases:
            lookup = Remembered(DnsLookup([Server("127.0.0.1", ports[number])]))
            result = await check_host(case.host, case.mailfrom, case.helo, lookup)
            good += result.result in case.results
        return good

    parse.cache_clear()
    return asyncio.run(run())


def theirs(ports: list[int], cases: list[tuple[int, suite.Case]]) -> int:
    """The same by pyspf, which asks through dnspython's default resolver."""
    spf = importlib.import_module("spf")
    good = 0
    for number, case in cases:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], ports[number]
        dns.resolver.default_resolver = resolver
        try:
            result = spf.query(i=case.host, s=case.mailfrom, h=case.helo, timeout=4, querytime=20).check()[0]
        except Exception:  # noqa: BLE001 - a case that it cannot do counts as a wrong one
            result = "raised"
        good += result in case.results
    return good


def timed(run: Callable[[], int]) -> tuple[float, int]:
    began = time.perf_counter()
    good = run()
    return time.perf_counter() - began, good


def main() -> None:
    """Print both medians and their ratio; end with 1 when we are slower."""
    warnings.simplefilter("ignore")  # pyspf's own
    cases = [
        (number, case)
        for number, scenario in enumerate(suite.load_suite())
        for case in scenario.cases
        if case.id not in WAITING
    ]
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        ports = here.recv()
        runners = {"mailover": ours}
        if importlib.util.find_spec("spf") is not None:
            runners["pyspf"] = theirs
        taken: dict[str, list[float]] = {name: [] for name in runners}
        for turn in range(ROUNDS):
            for name, run in runners.items():
                seconds, good = timed(lambda run=run: run(ports, cases))
                taken[name].append(seconds)
                if turn == 0:
                    print(f"{name}: {good} of {len(cases)} cases as the suite says")
    finally:
        server.terminate()
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        print(f"{name}: {seconds * 1000:.0f} ms for {len(cases)} cases (median of {ROUNDS})")
    if "pyspf" not in medians:
        print("pyspf is not installed, so there is no ratio")
        return
    ratio = medians["pyspf"] / medians["mailover"]
    print(f"mailover is {ratio:.2f} times as fast as pyspf")
    sys.exit(ratio < 1)


if __name__ == "__main__":
    main()
