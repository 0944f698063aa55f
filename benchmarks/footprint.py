"""What `mailover run` takes: memory, a share of a core, and the time from its start to the first flag.

Three healthy providers at the default intervals, logins included, on a store that is new and on one that was there.
`--seconds` says for how long the share of a core is measured.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ground.figures import Verdict, cpu_seconds, resident_mb
from ground.houses import NAMES

from mailover.demo.authority import Authority
from mailover.demo.provider import Provider
from mailover.demo.scene import free_port

STARTS = 5
PATIENCE = 30.0
ACCOUNT = """
[providers.{name}]
host = "127.0.0.1"
port = {port}
ca_file = "{ca_file}"
username = "{username}"
password = "{password}"
from = "noreply@example.com"
"""
HOUSE = """
[server]
listen = "127.0.0.1:{port}"
[storage]
url = "sqlite:///{folder}/mailover.db"
[streams.mail]
providers = ["first", "second", "third"]
"""


def write_config(folder: Path, providers: Mapping[str, Provider], ca_file: str, port: int) -> Path:
    """A config that says no more than it must."""
    path = folder / "config.toml"
    accounts = (
        ACCOUNT.format(name=name, port=each.port, ca_file=ca_file, username=each.username, password=each.password)
        for name, each in providers.items()
    )
    path.write_text(HOUSE.format(port=port, folder=folder) + "".join(accounts))
    path.chmod(0o600)
    return path


@contextmanager
def running(config: Path, port: int) -> Iterator[tuple[int, float, float]]:
    """The agent as a command: its process, seconds until its first flag, and how many of them were CPU."""
    command = [
        str(Path(sys.executable).with_name("mailover")),
        "--config",
        str(config),
        "run",
        "--log-level",
        "warning",
    ]
    begun = time.monotonic()
    with subprocess.Popen(command) as process:
        try:
            _await_flag(f"http://127.0.0.1:{port}/v1/active-provider", begun)
            yield process.pid, time.monotonic() - begun, cpu_seconds(process.pid)
        finally:
            process.terminate()


def _await_flag(url: str, begun: float) -> None:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                answer.read()
        except urllib.error.URLError:
            assert time.monotonic() - begun < PATIENCE, "no flag came"
            time.sleep(0.01)
        else:
            return


def start_again(verdict: Verdict, config: Path, port: int) -> None:
    """From the start of the process to the first flag, once on a new store and then on the one that is there."""
    taken: list[tuple[float, float]] = []
    for _ in range(STARTS):
        with running(config, port) as (_, seconds, cpu):
            taken.append((seconds, cpu))
    told = ", ".join(f"{seconds:.2f} s ({cpu:.2f} s of CPU)" for seconds, cpu in taken)
    print(f"first flag after {told}; the first of them on a new store")
    verdict.at_most("first flag, median", statistics.median(seconds for seconds, _ in taken), 1.5, "s")


def stay(verdict: Verdict, config: Path, port: int, seconds: float) -> None:
    """Memory and CPU of an agent that has been running for a while."""
    with running(config, port) as (pid, _, _):
        time.sleep(10)
        used, begun = cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)
        share = (cpu_seconds(pid) - used) / (time.monotonic() - begun)
        resident = resident_mb(pid)
    print(f"three providers at default intervals, {seconds:.0f} s: {resident:.1f} MB resident, {share:.2%} of a core")
    verdict.at_most("resident", resident, 90, "MB")
    verdict.at_most("share of a core", 100 * share, 1, "%")


def main() -> None:
    """Starts, then a stay."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    verdict = Verdict()
    with ExitStack() as stack:
        authority, port = Authority(), free_port()
        providers = {name: stack.enter_context(Provider(name, authority=authority)) for name in NAMES}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = write_config(folder, providers, authority.write(folder / "ca.pem"), port)
        start_again(verdict, config, port)
        (folder / "mailover.db").unlink()
        stay(verdict, config, port, seconds)
    verdict.end()


if __name__ == "__main__":
    main()
