"""Loopback providers for measurements: the quick server in a process of its own, and the houses that watch it.

What they are asked, and how fast, is each script's business.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailover.demo.authority import Authority

_SCRIPT = Path(__file__).with_name("smtp_server.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs."""

    port: int
    ca_file: str
    pid: int


@contextmanager
def quick_server(directory: Path, *, port: int = 0) -> Iterator[Server]:
    """The quick STARTTLS server, until the block is left."""
    authority = Authority()
    chain, key = authority.write_server(directory, "localhost", "127.0.0.1")
    ca_file = authority.write(directory / "ca.pem")
    command = [sys.executable, str(_SCRIPT), str(chain), str(key), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(port=int(process.stdout.readline()), ca_file=ca_file, pid=process.pid)
        finally:
            process.terminate()
