"""One HTTP POST that ends: an absolute deadline over name, connection, TLS and answer, and a limit to what is read.

No proxy, no redirect, no credentials from the environment. What an answer means is for who asked.
"""

import asyncio
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from threading import Timer
from urllib.parse import urlsplit

from mailover.alerts.transport import DeliveryError
from mailover.resolve import Resolver

_BODY_LIMIT = 64 * 1024

Refusal = Callable[[str], str | None]
"""Why an address must not be dialled, None when it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most 64 KiB of it."""


class Poster:
    """Posts, one at a time; each post has a connection of its own."""

    def __init__(
        self, *, seconds: float = 5.0, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """`seconds` is the deadline of everything together; without `tls` the system's authorities are trusted."""
        self._seconds = seconds
        self._resolver = resolver or Resolver()
        self._tls = tls or ssl.create_default_context()

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        seconds: float | None = None,
        refusal: Refusal | None = None,
    ) -> Answer:
        """Raises DeliveryError when no complete answer came in time; its text names the host, never the path.

        `seconds` is another deadline for this post; `refusal` is asked of each address before that very one is dialled.
        """
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        line = _Line(self._seconds if seconds is None else seconds)
        try:
            addresses = self._addresses(host, line.remaining())
            line.connect(_permitted(host, addresses, refusal), parts.port or (443 if tls else 80))
            if tls:
                line.secure(self._tls, host)
            return line.ask(parts.netloc.rpartition("@")[2], path, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeliveryError(f"no answer from {host}: {_reason(error, line)}") from error
        finally:
            line.close()

    def _addresses(self, host: str, within: float) -> tuple[str, ...]:
        if _is_literal(host):
            return (host,)
        found = asyncio.run(self._resolver.resolve(host, within=within))
        if not found.addresses:
            raise OSError(found.because or "it has no address")
        return found.addresses


class _Line:
    """One connection, cut at the deadline whatever it is doing."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._cutter: Timer | None = None
        self.cut = False

    def remaining(self) -> float:
        return max(0.001, self._ends - time.monotonic())

    def connect(self, addresses: tuple[str, ...], port: int) -> None:
        """To the first address that answers."""
        self._socket = dial(addresses, port, self._ends)
        self._cutter = Timer(self.remaining(), self._cut)
        self._cutter.daemon = True
        self._cutter.start()

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """The certificate must be the host's."""
        assert self._socket is not None  # noqa: S101 - connected
        wrapped = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = wrapped
        wrapped.settimeout(self.remaining())
        wrapped.do_handshake()

    def ask(self, authority: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send the request, read the whole answer."""
        assert self._socket is not None  # noqa: S101 - connected
        self._socket.settimeout(self.remaining())
        connection = http.client.HTTPConnection(authority)
        connection.sock = self._socket
        always = {"Host": authority, "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("POST", path, body, {**headers, **always})
        with connection.getresponse() as response:
            read = response.read(_BODY_LIMIT)
            if self.cut:
                raise TimeoutError
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=named, body=read)

    def close(self) -> None:
        if self._cutter is not None:
            self._cutter.cancel()
            self._cutter.join()
        if self._socket is not None:
            self._socket.close()

    def _cut(self) -> None:
        self.cut = True
        if self._socket is not None:
            try:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which is in use elsewhere
            except OSError:
                return


def dial(addresses: Sequence[str], port: int, ends_at: float) -> socket.socket:
    """A connection to the first of these addresses that answers, by `ends_at` on the monotonic clock. Raises OSError.

    Each has its share of the time, so that a mute one leaves something for those behind it.
    """
    for left in range(len(addresses), 1, -1):
        with suppress(OSError):
            return _connection(addresses[-left], port, (ends_at - time.monotonic()) / left)
    return _connection(addresses[-1], port, ends_at - time.monotonic())


def _connection(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), max(0.001, seconds))


def retry_after(answer: Answer, wall_seconds: float) -> timedelta | None:
    """How long the other side asks to be left alone (RFC 9110 section 10.2.3), None when it does not say."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return timedelta(seconds=min(int(said[:9]), 86400))
    try:
        seconds = parsedate_to_datetime(said).timestamp() - wall_seconds
    except (ValueError, OverflowError):
        return None
    return timedelta(seconds=min(max(0.0, seconds), 86400))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _permitted(host: str, addresses: tuple[str, ...], refusal: Refusal | None) -> tuple[str, ...]:
    """Those that may be dialled. Raises DeliveryError when none may."""
    if refusal is None:
        return addresses
    reasons = [(address, refusal(address)) for address in addresses]
    fine = tuple(address for address, no in reasons if no is None)
    if not fine:
        raise DeliveryError(f"{host} is out of reach: {reasons[0][1]}")
    return fine


def _reason(error: Exception, line: _Line) -> str:
    if line.cut or isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    return getattr(error, "strerror", None) or type(error).__name__
