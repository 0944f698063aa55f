"""What the real servers have in common: a directory, a process in the foreground, a port that answers."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 20.0


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settle(room: Path, name: str) -> Path:
    """A new directory that other users may enter."""
    path = room / name
    path.mkdir()
    path.chmod(0o755)
    return path


class Daemon:
    """A server process of our own, in a process group of its own, ended by its id."""

    host = "127.0.0.1"
    port: int
    greets_on: int
    """The port where it speaks first, in the clear: who has been greeted knows that all of it is up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What runs it in the foreground."""
        raise NotImplementedError

    def start(self) -> None:
        """Run it; returns when it has greeted."""
        with self.root.joinpath("output").open("ab") as output:
            self._process = subprocess.Popen(self.command(), stdout=output, stderr=output, start_new_session=True)
        until = time.monotonic() + PATIENCE
        while not self.greets():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.command()[0]} did not start:\n{self.story()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; returns when its port refuses, its children too being gone. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        until = time.monotonic() + PATIENCE
        while self.listens() and time.monotonic() < until:
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self) -> None:
        """Stop and start, on the same port."""
        self.stop()
        self.start()

    def runs(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._process is not None

    def greets(self) -> bool:
        """Whether somebody who connects is greeted."""
        try:
            with socket.create_connection((self.host, self.greets_on), timeout=5) as wire:
                return bool(wire.recv(1))
        except OSError:
            return False

    def listens(self) -> bool:
        """Whether its port takes connections."""
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def story(self) -> str:
        """What it printed and logged, for a failing test."""
        found = [self.root / "output", *sorted(self.root.glob("*.log"))]
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in found if path.exists())
