"""50 domains with 5 providers, cold, through a loopback name server that takes 20 ms: seconds, and questions asked.

Every domain has SPF with nested includes, DKIM keys and a DMARC policy; one in five lacks something. Then the same with
a name server that never answers, which may cost its deadline once.
"""

import asyncio
import base64
import multiprocessing
import statistics
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from ground.figures import Verdict

from dns_checks.catalogue import find_entry
from dns_checks.conventions import ProviderDns, conventions_of
from dns_checks.lookup import DnsLookup
from dns_checks.remembered import Remembered
from dns_checks.report import Report, check_all
from dns_checks.servers import Server

DOMAINS = [f"d{number}.example" for number in range(50)]
PROVIDERS = ("sendgrid", "ses", "microsoft365", "mandrill", "mailgun")
LATENCY = 0.020
DEADLINE = 4.0
ROUNDS = 5
KEY = f"v=DKIM1; k=ed25519; p={base64.b64encode(bytes(range(32))).decode()}"


def zone() -> dict[tuple[str, str], list[str]]:
    """What the name server knows."""
    known: dict[tuple[str, str], list[str]] = {}
    for name in PROVIDERS:
        for include in needs(name).includes:
            parts = [f"_{letter}.{include}" for letter in "abc"]
            known[f"{include}.", "TXT"] = ['"v=spf1 ' + " ".join(f"include:{part}" for part in parts) + ' ~all"']
            for at, part in enumerate(parts):
                networks = " ".join(f"ip4:10.{sum(map(ord, include)) % 256}.{8 * at + n}.0/24" for n in range(8))
                known[f"{part}.", "TXT"] = [f'"v=spf1 {networks} ip6:2001:db8:{at}::/48 ~all"']
    for number, domain in enumerate(DOMAINS):
        includes = "include:spf.protection.outlook.com include:mailgun.org" if number % 5 else ""
        known[f"{domain}.", "TXT"] = [f'"v=spf1 mx {includes} -all"']
        known[f"{domain}.", "MX"] = [f"10 mail.{domain}."]
        known[f"mail.{domain}.", "A"] = ["198.51.100.7"]
        known[f"_dmarc.{domain}.", "TXT"] = ['"v=DMARC1; p=reject; aspf=r"']
        for selector in ("s1", "selector1", "mte1"):
            known[f"{selector}._domainkey.{domain}.", "TXT"] = [f'"{KEY}"']
    return known


def needs(name: str) -> ProviderDns:
    """The provider's conventions, with a return path and a selector where the catalogue cannot know them."""
    told = {"ses": ("s1", "bounce.{d}"), "mailgun": ("s1", None)}
    selector, path = told.get(name, (None, None))
    selectors = [selector] if selector else []
    return conventions_of(find_entry(name), provider=name, selectors=selectors, return_path=path)


class NameServer(asyncio.DatagramProtocol):
    """Answers after the latency, and counts what it is asked."""

    def __init__(self) -> None:
        self.known = zone()
        self.names = {name for name, _ in self.known}
        self.asked: Counter[tuple[str, str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(LATENCY, self.transport.sendto, self.answer(data), addr)

    def answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        key = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[key] += 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if key in self.known:
            reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", key[1], *self.known[key]))
        elif key[0] not in self.names:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()


def serve(pipe: Connection) -> None:
    """A name server in a process of its own: tells its port; asked for it, tells what it was asked and forgets."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
        pipe.send(transport.get_extra_info("sockname")[1])
        while await asyncio.to_thread(pipe.recv):
            pipe.send((server.asked.total(), max(server.asked.values(), default=0)))
            server.asked.clear()

    asyncio.run(run())


def check(port: int) -> tuple[float, Report]:
    """One cold run: seconds, and what it found."""

    async def run() -> Report:
        lookup = Remembered(DnsLookup([Server("127.0.0.1", port)], lifetime=DEADLINE), at_least=600)
        return await check_all(DOMAINS, [needs(name) for name in PROVIDERS], lookup)

    began = time.perf_counter()
    report = asyncio.run(run())
    return time.perf_counter() - began, report


def main() -> None:
    """Measure, and leave with 1 when a limit is clearly missed."""
    verdict = Verdict()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    seconds, most, asked = [], 0, 0
    for _ in range(ROUNDS):
        took, report = check(port)
        assert len(report.cells) == len(DOMAINS) * len(PROVIDERS)
        ours.send(True)
        asked, repeated = ours.recv()
        seconds.append(took)
        most = max(most, repeated)
    ours.send(False)
    server.join()
    found = Counter(str(cell.verdict) for cell in report.cells)
    print(f"dns matrix: {len(DOMAINS)} domains, {len(PROVIDERS)} providers, {asked} questions, {dict(found)}")
    verdict.at_most("seconds, median of five", statistics.median(seconds), 3.0, "s")
    verdict.at_most("questions per name and type", most, 1, margin=1)
    mute_for(verdict)
    verdict.end()


def mute_for(verdict: Verdict) -> None:
    """A name server that takes questions and never answers."""
    ours, theirs = multiprocessing.Pipe()
    silent = multiprocessing.Process(target=stay_mute, args=(theirs,), daemon=True)
    silent.start()
    took, report = check(ours.recv())
    silent.terminate()
    assert not report.broken
    verdict.at_most("seconds with a mute name server, of its deadline", took, DEADLINE + 1, "s")


def stay_mute(pipe: Connection) -> None:
    """Hold a port and read what comes."""

    async def run() -> None:
        made = asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
        transport, _ = await made
        pipe.send(transport.get_extra_info("sockname")[1])
        await asyncio.sleep(60)

    asyncio.run(run())


if __name__ == "__main__":
    main()
