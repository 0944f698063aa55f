"""How the demo is ended from outside: Ctrl-C or SIGTERM, noticed where it waits and nowhere else.

A KeyboardInterrupt in the middle of an import would leave the import lock taken and every other thread stuck.
"""

import os
import select
import signal
import socket
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LONGEST_LINE = 4096


class Ended(Exception):  # noqa: N818 -- somebody wants to go home; that is no error
    """Somebody ended the demo from outside."""


class Ending:
    """While it is entered, in the main thread, signals are kept until `sleep` or `lines` asks for them."""

    def __enter__(self) -> Self:
        self._asked, self._ask = socket.socketpair()
        self._ask.setblocking(False)
        self._before = {number: signal.signal(number, _wait_for_the_byte) for number in _SIGNALS}
        # Whichever thread a signal reaches writes the byte at once; a handler would wait until the main thread wakes.
        self._told_before = signal.set_wakeup_fd(self._ask.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._told_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._asked.close()
        self._ask.close()

    def sleep(self, seconds: float) -> None:
        """Wait that long, or raise Ended as soon as somebody ends it."""
        if select.select([self._asked], [], [], seconds)[0]:
            raise Ended

    def lines(self, descriptor: int) -> Iterator[str]:
        """The lines that arrive at a file descriptor, until it ends; raises Ended as soon as somebody ends it."""
        watched: list[socket.socket | int] = [self._asked, descriptor]
        pending = b""
        while True:
            ready, _, _ = select.select(watched, [], [])
            if self._asked in ready:
                raise Ended
            arrived = os.read(descriptor, _LONGEST_LINE)
            *lines, pending = (pending + arrived).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if not arrived or len(pending) > _LONGEST_LINE:
                return


def _wait_for_the_byte(_number: int, _frame: FrameType | None) -> None:
    """The handler that makes Python write to the wake-up descriptor instead of raising KeyboardInterrupt."""
