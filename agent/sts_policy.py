"""Getting the policy file of MTA-STS: one GET over verified TLS, no redirect, one deadline, a limit of its size.

What stands in the file is judged by `dns_checks.tls_policies`; nothing else is ever fetched here.
"""

import asyncio
import ssl

import httptools

from dns_checks.tls_policies import Fetch, Fetched
from mailover.resolve import Outcome, Resolver
from mailover.smtp.dial import NoneAnsweredError, dial
from mailover.smtp.tls import context_for, reason_of

_PATIENCE = 10.0
_MOST_BYTES = 64 * 1024
_PIECE = 8192
_OK = 200


class _PolicyError(Exception):
    """Why there is no file; its text is for people."""


def fetching(resolver: Resolver, *, port: int = 443, deadline: float = _PATIENCE, ca_file: str | None = None) -> Fetch:
    """Somebody who fetches policy files (RFC 8461 section 3.3) within `deadline` seconds each."""

    async def fetch(domain: str) -> Fetched:
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(deadline):
                return Fetched(text=await _get(host, port, resolver, context_for(ca_file)))
        except TimeoutError:
            because = f"no whole answer within {deadline:g} s"
        except ssl.SSLError as error:
            because = reason_of(error)
        except NoneAnsweredError as error:
            because = f"no connection: {error}"
        except httptools.HttpParserError:
            because = "the answer is no HTTP"
        except (_PolicyError, OSError, ValueError) as error:  # ValueError: a name that TLS cannot carry
            because = str(error)
        return Fetched(text=None, because=f"{host}: {because}")

    return fetch


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


async def _get(host: str, port: int, resolver: Resolver, context: ssl.SSLContext) -> str:
    found = await resolver.resolve(host)
    if found.outcome is not Outcome.FOUND:
        raise _PolicyError(found.because)
    sock, _ = await dial(found.addresses, port, [])
    reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
    try:
        lines = ("GET /.well-known/mta-sts.txt HTTP/1.1", f"Host: {host}", "User-Agent: mailover", "Connection: close")
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii"))
        return await _read(reader)
    finally:
        writer.transport.abort()  # a farewell is not waited for


async def _read(reader: asyncio.StreamReader) -> str:
    response = _Response()
    parser = httptools.HttpResponseParser(response)
    received = 0
    while not response.whole and (piece := await reader.read(_PIECE)):
        received += len(piece)
        if received > _MOST_BYTES:
            raise _PolicyError(f"the answer is longer than {_MOST_BYTES} bytes")
        parser.feed_data(piece)
    status = parser.get_status_code() if received else 0
    if status != _OK:
        raise _PolicyError(f"HTTP status {status}, and redirects don't count" if status else "no answer")
    if not response.whole and response.framed:
        raise _PolicyError("the file was cut short")
    return response.body.decode("utf-8", "replace")
