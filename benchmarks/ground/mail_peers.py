"""What the relay is measured with and beside, in processes of their own: smtp-source, smtp-sink, Postfix, the relay.

Nothing is measured here.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ground.figures import program

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "peers"))

from real_postfix import OwnPostfix

from mailover.demo.scene import free_port

_PATIENCE = 30.0
_COUNTED = re.compile(rb"mesg=(\d+)")

_SENDING_ON = """
myhostname = bench.test
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink}
smtp_fallback_relay = {fallbacks}
"""


class Sink:
    """smtp-sink, and how many messages it took."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        command = [program("smtp-sink", "postfix"), "-u", "nobody", "-c", *options, f"127.0.0.1:{self.port}", "1000"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._taken = 0
        wait_for_greeting(self.port)

    def taken(self) -> int:
        """Messages so far."""
        assert self._process.stdout is not None
        said = self._process.stdout.read() or b""
        if found := _COUNTED.findall(said):
            self._taken = int(found[-1])
        return self._taken

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


@contextmanager
def sink(*options: str) -> Iterator[Sink]:
    """A sink while the block runs."""
    one = Sink(*options)
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def postfix(root: Path, sink_port: int, *fallbacks: int) -> Iterator[int]:
    """A Postfix of our own with its defaults, that relays everything to the sink; its port."""
    root.mkdir()
    root.chmod(0o755)
    one = OwnPostfix(root)
    listed = ", ".join(f"[127.0.0.1]:{each}" for each in fallbacks)
    one.furnish(_SENDING_ON.format(sink=sink_port, fallbacks=listed))
    one.start()
    try:
        yield one.port
    finally:
        one.stop()


@contextmanager
def relay(root: Path, providers: Mapping[str, int], *, tables: str = "") -> Iterator["Relay"]:
    """`mailover run` with a relay, as it is installed; without `tables` there is one stream of all providers."""
    root.mkdir(exist_ok=True)
    house = Relay(root, providers, tables)
    with ExitStack() as stack:
        stack.callback(house.stop)
        house.start()
        yield house


class Relay:
    """The process, its ports, its log."""

    def __init__(self, root: Path, providers: Mapping[str, int], tables: str) -> None:
        self.port, self.api = free_port(), free_port()
        self.log = root / "log"
        self._config = root / "config.toml"
        tables = tables or f"[streams.mail]\nproviders = {list(providers)}\n"
        accounts = "".join(
            f'[providers.{name}]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nallow_plaintext = true\n'
            for name, port in providers.items()
        )
        self._config.write_text(
            f'server = {{listen = "127.0.0.1:{self.api}"}}\nstorage = {{url = "sqlite:///{root}/mailover.db"}}\n'
            f'[relay]\nlisten = "127.0.0.1:{self.port}"\n{tables}\n{accounts}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it greets."""
        command = [sys.executable, "-m", "mailover", "--config", str(self._config), "run"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_greeting(self.port)

    def stop(self) -> None:
        """Gracefully."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)
            self._process = None


def source(port: int, messages: int, *, sessions: int, size: int) -> "subprocess.Popen[bytes]":
    """smtp-source, begun."""
    options = ["-s", str(sessions), "-l", str(size), "-m", str(messages), "-f", "app@bench.test", "-t", "to@bench.test"]
    return subprocess.Popen([program("smtp-source", "postfix"), "-N", *options, f"127.0.0.1:{port}"])


def wait_for_greeting(port: int) -> None:
    """Until somebody is greeted there."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
                if wire.recv(1):
                    return
        except OSError:
            pass
        assert time.monotonic() < until, f"nobody greets at port {port}"
        time.sleep(0.05)
