"""Running somebody else's program once: no shell, a time limit, little output kept, and nothing of it left running.

Which program, and what its failure means, is for who runs it.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_KEPT = 2000
"""Bytes of output, its last ones: that is where programs say what is wrong."""
_PIECE = 65536
_GLANCE = 0.02
"""Seconds between two looks at whether it has ended."""
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")
"""What programs need of our environment; the rest may hold passwords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run."""

    status: int | None
    """The exit status, negative for a signal; None when it had to be killed or could not be started."""
    said: str
    """The end of its output, on one line and printable; or why it was not run to its end."""
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it succeeded."""
        return self.status == 0

    def __str__(self) -> str:
        ended = "" if self.status is None else f"exit status {self.status}"
        return ": ".join(part for part in (ended, self.said) if part)


def run(argv: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None, given: bytes = b"") -> Outcome:
    """Run a program with `given` as its input and `env` beside the usual variables. Never raises for its sake.

    When its time is over it is killed with all of its process group; so is what it leaves behind in it.
    """
    begun = time.monotonic()
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(  # noqa: S603 - the operator's own words, and no shell reads them
                list(argv),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**passed, **(env or {})},
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Outcome(status=None, said=f"it could not be started: {why}", seconds=0.0)
    said, ended = _watch(process, begun + seconds)
    taken = time.monotonic() - begun
    if not ended:
        return Outcome(status=None, said=f"killed after {seconds:g} s", seconds=taken)
    return Outcome(status=process.returncode, said=said, seconds=taken)


def _watch(process: subprocess.Popen[bytes], until: float) -> tuple[str, bool]:
    """Read along until it ends or its time is over; then nothing of its group is left."""
    kept = b""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        with process.stdout as output:
            os.set_blocking(output.fileno(), False)
            while process.poll() is None and time.monotonic() < until:
                kept = (kept + _read(output))[-_KEPT:]
                time.sleep(_GLANCE)
            ended = process.poll() is not None
            kept = (kept + _read(output))[-_KEPT:]
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    words = kept.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in words).split()), ended


def _read(output: IO[bytes]) -> bytes:
    """What is there now, without waiting for more."""
    with contextlib.suppress(BlockingIOError):
        return os.read(output.fileno(), _PIECE)
    return b""
