"""Network namespaces: an agent's machine and the world it looks at, joined by one cable, and what can be cut."""

import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)

AGENT = "10.99.0.2"
GATEWAY = "10.99.0.1"
PROVIDERS = ("10.98.0.11", "10.98.0.12", "10.98.0.13")
REFERENCE = "10.98.0.20"
RESOLVER = "10.98.0.53"


def what_is_lacking() -> str:
    """A sentence when no network can be made here, else nothing."""
    if os.geteuid() != 0:
        return "network namespaces can be made by root only"
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    if missing:
        return f"{' and '.join(missing)} not installed: `make peers` installs iproute2 and nftables"
    name = f"try-{secrets.token_hex(3)}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return "the kernel gives no network namespaces here"
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return ""


class Network:
    """One network namespace; a context manager."""

    def __init__(self) -> None:
        """Nothing is made before it is entered."""
        self._name = f"mo-{secrets.token_hex(4)}"

    @property
    def path(self) -> Path:
        """The file that stands for it."""
        return Path("/run/netns", self._name)

    def __enter__(self) -> Self:
        _do("ip", "netns", "add", self._name)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        _do("ip", "netns", "delete", self._name)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and every process, thread and socket that it makes meanwhile, live in here."""
        with Path("/proc/thread-self/ns/net").open("rb") as home, self.path.open("rb") as here:
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def run(self, *command: str) -> str:
        """A command in here; what it printed. Raises CalledProcessError."""
        with self.inside():
            return _do(*command)

    def take_end(self, cable: str) -> None:
        """Take one end of a cable into this namespace."""
        _do("ip", "link", "set", cable, "netns", self._name)

    @contextmanager
    def dropping(self, *rules: str) -> Iterator[None]:
        """Packets that come in and match one of these nft rules are dropped, without a word to their sender."""
        self.run("nft", "add", "table", "inet", "fault")
        self.run("nft", "add chain inet fault in { type filter hook input priority 0 ; policy accept ; }")
        try:
            for rule in rules:
                self.run("nft", f"add rule inet fault in {rule} drop")
            yield
        finally:
            self.run("nft", "delete", "table", "inet", "fault")


@contextmanager
def joined() -> Iterator[tuple[Network, Network]]:
    """The agent's machine and the world, joined by a cable; the world has addresses for everybody it needs."""
    with Network() as agent, Network() as world:
        ends = [f"{side}{secrets.token_hex(4)}" for side in "aw"]
        _do("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for network, end, address in ((agent, ends[0], AGENT), (world, ends[1], GATEWAY)):
            network.take_end(end)
            network.run("ip", "link", "set", end, "name", "cable")
            network.run("ip", "address", "add", f"{address}/24", "dev", "cable")
            network.run("ip", "link", "set", "cable", "up")
        for address in (*PROVIDERS, REFERENCE, RESOLVER):
            world.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        join(agent)
        yield agent, world


def join(agent: Network) -> None:
    """Give the agent's machine its way out (again)."""
    agent.run("ip", "link", "set", "cable", "up")
    agent.run("ip", "route", "replace", "default", "via", GATEWAY)


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _do(*command: str) -> str:
    done: Sequence[str] = command
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout
