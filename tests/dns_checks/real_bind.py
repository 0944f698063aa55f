"""A real BIND of our own on loopback: authoritative for zones that a test writes, or a resolver that asks one."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from peers.real_daemon import Daemon, free_port

from dns_checks.lookup import DnsLookup
from dns_checks.servers import Server

OPTIONS = """
options {{
    directory "{root}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    notify no;
    {options}
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
"""
ZONE = 'zone "{name}" {{ type primary; file "{file}"; }};\n'
FORWARDED = 'zone "{name}" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {port}; }}; }};\n'
HEAD = """$ORIGIN {name}.
$TTL 300
@ SOA ns1 hostmaster {serial} 3600 600 86400 60
"""


def zone_text(name: str, records: str, *, serial: int = 1) -> str:
    """A zone file; `records` have no SOA."""
    return HEAD.format(name=name, serial=serial) + records


def find(program: str) -> str:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") or program


class Bind(Daemon):
    """An authoritative server. `zones` are zone files by the name of the zone."""

    def __init__(self, root: Path, zones: Mapping[str, str]) -> None:
        super().__init__(root)
        self.port = free_port()
        self._asked_for = next(iter(zones))
        # The zone above is here too, empty: what a tree walk asks of it has an answer.
        zones = {"test": zone_text("test", "@ NS ns1.elsewhere.example.\n"), **zones}
        for name, text in zones.items():
            root.joinpath(f"{name}.zone").write_text(text)
        self._configure("recursion no;", "".join(ZONE.format(name=each, file=f"{each}.zone") for each in zones))

    def _configure(self, options: str, rest: str) -> None:
        text = OPTIONS.format(root=self.root, port=self.port, options=options) + rest
        self.root.joinpath("named.conf").write_text(text)

    def command(self) -> list[str]:
        return [find("named"), "-g", "-n", "1", "-c", str(self.root / "named.conf")]

    def greets(self) -> bool:
        """Whether it answers at all: nobody is greeted in the DNS."""
        question = dns.message.make_query(self._asked_for, "SOA")
        try:
            dns.query.udp(question, self.host, timeout=0.5, port=self.port)
        except (OSError, dns.exception.DNSException):
            return False
        return True

    @property
    def server(self) -> Server:
        return Server(self.host, self.port)

    def lookup(self, *, lifetime: float = 5.0) -> DnsLookup:
        """Asks it for what it has authority over."""
        return DnsLookup([self.server], lifetime=lifetime, recursive=False)


class Resolver(Bind):
    """A recursive one; `zones` says whose port has which zone, `anchors` what is signed by which key."""

    def __init__(self, root: Path, zones: Mapping[str, Bind], anchors: str = "") -> None:
        Daemon.__init__(self, root)
        self.port = free_port()
        self._asked_for = next(iter(zones))
        validation = "dnssec-validation yes;" if anchors else "dnssec-validation no;"
        forwarded = "".join(FORWARDED.format(name=name, port=bind.port) for name, bind in zones.items())
        # Whatever else is asked goes to the first one as well, never to the Internet.
        rest = f"forward only; forwarders {{ 127.0.0.1 port {next(iter(zones.values())).port}; }};"
        options = f"recursion yes; allow-recursion {{ any; }}; empty-zones-enable no; {validation} {rest}"
        self._configure(options, forwarded + (f"trust-anchors {{ {anchors} }};\n" if anchors else ""))

    def lookup(self, *, lifetime: float = 5.0) -> DnsLookup:
        """Asks it as applications do."""
        return DnsLookup([self.server], lifetime=lifetime)


def signed(root: Path, name: str, text: str) -> tuple[str, str]:
    """The zone with signatures, and its key as a trust anchor."""
    file = root / f"{name}.unsigned"
    file.write_text(text)
    keygen = [find("dnssec-keygen"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", str(root), name]
    made = subprocess.run(keygen, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    sign = [find("dnssec-signzone"), "-q", "-z", "-S", "-K", str(root), "-d", str(root), "-o", name]
    out = root / f"{name}.signed"
    subprocess.run([*sign, "-f", str(out), str(file)], check=True, capture_output=True, timeout=30)
    key = root.joinpath(f"{made}.key").read_text().splitlines()[-1]
    flags, protocol, algorithm, *data = key.split("DNSKEY")[1].split()
    return out.read_text(), f'{name}. static-key {flags} {protocol} {algorithm} "{"".join(data)}";'
