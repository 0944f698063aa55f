"""A wire between a client and a server of loopback that can be cut, and joined again."""

import contextlib
import socket
import threading
from typing import Self


class Wire:
    """Forwards TCP; a context manager."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._joined = threading.Event()
        self._joined.set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """End every connection, and every new one at once."""
        self._joined.clear()
        for each in tuple(self._open):
            _end(each)

    def join(self) -> None:
        """Forward again."""
        self._joined.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._listening)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self._joined.is_set():
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            pair = (near, far)
            self._open.update(pair)
            for one, other in (pair, pair[::-1]):
                thread = threading.Thread(target=self._pump, args=(one, other), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        _end(other)
        _end(one)
        self._open.discard(one)
        one.close()


def _end(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
