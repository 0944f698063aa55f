"""From addresses to a connected socket: several addresses race, the first to answer wins (RFC 8305)."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from functools import partial

from mailover.racing import AllFailedError, first_of
from mailover.smtp.transcript import AddressTried

_STAGGER = 0.25


class NoneAnsweredError(Exception):
    """No address took the connection; `error` is the one that tells most."""

    def __init__(self, error: OSError) -> None:
        """`error` is kept with its errno."""
        super().__init__(str(error))
        self.error = error


async def dial(addresses: Sequence[str], port: int, tried: list[AddressTried]) -> tuple[socket.socket, str]:
    """A connected non-blocking socket and its address. The budget is the caller's deadline, shared by all addresses.

    `tried` is filled while it goes on, so that it also tells the story of a dial that was cut short.
    """
    attempts = [partial(_connect, address, port, tried) for address in addresses]
    try:
        if len(attempts) == 1:
            return await attempts[0]()
        return await first_of(attempts, stagger=_STAGGER, discard=lambda won: won[0].close())
    except AllFailedError as exc:
        raise NoneAnsweredError(_most_telling([error for error in exc.errors if isinstance(error, OSError)])) from exc
    except OSError as exc:
        raise NoneAnsweredError(exc) from exc


async def _connect(address: str, port: int, tried: list[AddressTried]) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
    sock: socket.socket | None = None
    error = "no answer"
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = ""
    except OSError as exc:
        error = exc.strerror or str(exc)
        raise
    finally:
        tried.append(AddressTried(address=address, error=error))
        if error and sock is not None:
            sock.close()
    return sock, address


def _most_telling(errors: Sequence[OSError]) -> OSError:
    """A refusal comes from the peer; a missing route may only mean that this machine has no IPv6."""
    return min(errors, key=lambda error: (not isinstance(error, ConnectionError), not isinstance(error, TimeoutError)))
