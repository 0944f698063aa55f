"""What the relay is measured with and beside, in processes of their own: smtp-source, smtp-sink, Postfix, the relay.

Nothing is measured here.
"""

import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ground.figures import program

_PATIENCE = 30.0
_COUNTED = re.compile(rb"mesg=(\d+)")

_MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
myhostname = bench.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink}
smtp_fallback_relay = {fallbacks}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    config, port = root / "config", free_port()
    for directory in (root, config, root / "queue", root / "data"):
        directory.mkdir(exist_ok=True)
    root.chmod(0o755)
    owner = pwd.getpwnam("postfix")
    os.chown(root / "data", owner.pw_uid, owner.pw_gid)
    listed = ", ".join(f"[127.0.0.1]:{each}" for each in fallbacks)
    config.joinpath("main.cf").write_text(_MAIN.format(root=root, sink=sink_port, fallbacks=listed))
    config.joinpath("master.cf").write_text(_MASTER.format(port=port))
    subprocess.run([program("postfix", "postfix"), "-c", str(config), "check"], check=True, capture_output=True)
    master = subprocess.Popen(
        ["/usr/lib/postfix/sbin/master", "-d", "-c", str(config)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_greeting(port)
        yield port
    finally:
        master.terminate()
        master.wait(_PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(master.pid, signal.SIGKILL)


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
