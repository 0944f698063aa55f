"""What this process tells systemd, and that it is the only one on its SQLite file. No rule of mail lives here."""

import fcntl
import os
import resource
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mailover.errors import RefusedError, StorageError

_SQLITE = "sqlite:///"
_FEWEST_FILES = 64
"""An agent with three providers holds 26 when nobody asks it anything."""


def allow_many_files() -> None:
    """Raise the limit of open files as far as it may be: every reader that waits for the flag holds one.

    Raises RefusedError when too few are left to run with at all.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < _FEWEST_FILES:
        raise RefusedError(f"only {hard} files may be open (ulimit -n); mailover needs {_FEWEST_FILES} at least")


class Supervisor:
    """systemd's notify socket (sd_notify(3)); without $NOTIFY_SOCKET every call does nothing."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        """Reads the socket's address, and how often the watchdog wants to be fed."""
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = int(env["WATCHDOG_USEC"]) / 2_000_000 if ours and env.get("WATCHDOG_USEC", "").isdigit() else None
        self._fed_at = 0.0

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Reloading the config."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Stopping gracefully."""
        self._tell("STOPPING=1")

    def status(self, status: str) -> None:
        """One line that `systemctl status` shows."""
        self._tell(f"STATUS={status}")

    def feed(self) -> None:
        """Called after each decision: only a loop that decides keeps the watchdog quiet."""
        if self._every is not None and time.monotonic() - self._fed_at >= self._every:
            self._fed_at = time.monotonic()
            self._tell("WATCHDOG=1")

    def _tell(self, lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
            to_systemd.sendto(lines.encode(), self._address)


def one_at_a_time(url: str) -> bool:
    """Whether only one agent at a time can run on the store of this URL."""
    return url.startswith(_SQLITE)


@contextmanager
def only_one(url: str) -> Iterator[None]:
    """Hold the SQLite file of this URL for one agent. Raises StorageError when another holds it.

    Several agents on one PostgreSQL are meant to be; on one file they would only probe everything twice.
    """
    if not one_at_a_time(url):
        yield
        return
    path = Path(url.removeprefix(_SQLITE) + ".lock")
    try:
        lock = path.open("a", encoding="ascii")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(f"another mailover runs with {path.with_suffix('')}; stop it first") from error
        yield
