"""One GET that ends: verified TLS, no redirect, one deadline over everything, a limit to what is read.

For the few places that need a foreign file. What stands in it is for who asked.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import httptools

from mailover.resolve import Outcome, Resolver
from mailover.smtp.dial import NoneAnsweredError, dial
from mailover.smtp.tls import context_for, reason_of

Get = Callable[[str, str], Coroutine[Any, Any, bytes]]
"""Host and path (with query) to the body. Raises NotFetchedError."""

PATIENCE = 10.0
"""Seconds."""
_MOST_BYTES = 64 * 1024
_PIECE = 8192
_OK = 200


class NotFetchedError(Exception):
    """Why there is no file; its text is for people, and names the host alone."""


def getting(resolver: Resolver, *, port: int = 443, deadline: float = PATIENCE, ca_file: str | None = None) -> Get:
    """Somebody who fetches files within `deadline` seconds each, from servers that the system trusts, or `ca_file`."""

    async def get(host: str, path: str) -> bytes:
        try:
            async with asyncio.timeout(deadline):
                return await _get(host, port, path, resolver, context_for(ca_file))
        except TimeoutError:
            because = f"no whole answer within {deadline:g} s"
        except ssl.SSLError as error:
            because = reason_of(error)
        except NoneAnsweredError as error:
            because = f"no connection: {error}"
        except httptools.HttpParserError:
            because = "the answer is no HTTP"
        except (NotFetchedError, OSError, ValueError) as error:  # ValueError: a name that TLS cannot carry
            because = str(error)
        raise NotFetchedError(f"{host}: {because}")

    return get


class _Response:
    """What the parser tells; named as it calls them."""

    def __init__(self) -> None:
        self.body = b""
        self.whole = False
        self.framed = False
        """Whether it says itself where it ends; else it ends with the connection."""

    def on_header(self, name: bytes, _value: bytes) -> None:
        self.framed = self.framed or name.lower() in {b"content-length", b"transfer-encoding"}

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


async def _get(host: str, port: int, path: str, resolver: Resolver, context: ssl.SSLContext) -> bytes:
    found = await resolver.resolve(host)
    if found.outcome is not Outcome.FOUND:
        raise NotFetchedError(found.because)
    sock, _ = await dial(found.addresses, port, [])
    reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
    try:
        lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "User-Agent: mailover", "Connection: close")
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii"))
        return await _read(reader)
    finally:
        writer.transport.abort()  # a farewell is not waited for


async def _read(reader: asyncio.StreamReader) -> bytes:
    response = _Response()
    parser = httptools.HttpResponseParser(response)
    received = 0
    while not response.whole and (piece := await reader.read(_PIECE)):
        received += len(piece)
        if received > _MOST_BYTES:
            raise NotFetchedError(f"the answer is longer than {_MOST_BYTES} bytes")
        parser.feed_data(piece)
    status = parser.get_status_code() if received else 0
    if status != _OK:
        raise NotFetchedError(f"HTTP status {status}, and redirects don't count" if status else "no answer")
    if not response.whole and response.framed:
        raise NotFetchedError("the file was cut short")
    return response.body
