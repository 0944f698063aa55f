"""A small IMAP client: log in, search, fetch headers, delete. Every read is bounded; the deadline is the caller's.

The standard library's client allocates whatever size a server announces and waits for ever for a dripping one.
What is searched for, and when, is the mailbox's business (`imap`).
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from agent.probes.imap_responses import ImapProtocolError, Response, ResponseReader
from mailover.core.providers import Tls
from mailover.resolve import Resolver
from mailover.secrets import mask
from mailover.smtp import Credentials, Endpoint, Mechanism
from mailover.smtp.dial import NoneAnsweredError, dial
from mailover.smtp.replies import ProtocolError, printable
from mailover.smtp.stream import PeerClosedError, Stream
from mailover.smtp.tls import context_for, reason_of

_MOST_UNTAGGED = 2000
_MOST_BYTES = 1024 * 1024
"""Per command."""
_MOST_UIDS_AT_ONCE = 100
_TEMPORARY = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})
"""Response codes (RFC 5530) that say nothing about the password."""
_UID = re.compile(r"\bUID (\d{1,10})\b", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\x20-\x7e]")


class ImapError(Exception):
    """The mailbox is in trouble; the text is printable, masked, and fit for people."""


class ImapRefusedError(ImapError):
    """The server refused a command; `code` is its response code (AUTHENTICATIONFAILED, OVERQUOTA, ...) or empty."""

    def __init__(self, text: str, code: str) -> None:
        """`text` says which command, and what the server said."""
        super().__init__(text)
        self.code = code


class LoginRefusedError(ImapRefusedError):
    """The login was refused: trying again soon may lock the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A folder that was opened."""

    uid_next: int | None
    """The UID that the next message will get; None when the server does not tell."""


class ImapClient:
    """One connection. Made by `connect`; `close` it whatever happens."""

    def __init__(self, stream: Stream, endpoint: Endpoint) -> None:
        """A connection on which nothing was said yet."""
        self._stream = stream
        self._endpoint = endpoint
        self._reader = ResponseReader()
        self._bytes = 0
        self._commands = 0
        self._capabilities: frozenset[str] = frozenset()
        self._secrets: tuple[str, ...] = ()

    @classmethod
    async def connect(cls, endpoint: Endpoint, resolver: Resolver) -> Self:
        """Dial, TLS, greeting, capabilities. Raises ImapError; cancelled at any point it leaves nothing open."""
        resolution = await resolver.resolve(endpoint.host)
        if not resolution.addresses:
            raise ImapError(resolution.because)
        try:
            sock, _ = await dial(resolution.addresses, endpoint.port, [])
        except NoneAnsweredError as exc:
            raise ImapError(f"cannot connect to {endpoint.host}:{endpoint.port}: {exc}") from exc
        client = cls(Stream(sock), endpoint)
        try:
            await client._begin()
        except BaseException:
            client.close()
            raise
        return client

    async def login(self, credentials: Credentials) -> None:
        """One attempt by one mechanism. Raises LoginRefusedError for a wrong password, ImapError for other trouble."""
        password = credentials.password.reveal()
        self._secrets = (password, f"\0{credentials.username}\0{password}")
        try:
            if credentials.mechanism is Mechanism.XOAUTH2:
                words = f"user={credentials.username}\x01auth=Bearer {password}\x01\x01"
                await self._authenticate("XOAUTH2", words)
            elif "AUTH=PLAIN" in self._capabilities:
                await self._authenticate("PLAIN", f"\0{credentials.username}\0{password}")
            elif "LOGINDISABLED" in self._capabilities:
                raise ImapError("the server offers no login that mailover can use")
            else:
                await self._command("LOGIN", literals=(credentials.username.encode(), password.encode()))
        except ImapRefusedError as exc:
            if exc.code in _TEMPORARY:
                raise
            raise LoginRefusedError(str(exc), exc.code) from exc
        await self._ask_capabilities()

    async def select(self, folder: str) -> Selected:
        """Open a folder. Raises ImapRefusedError when there is none of that name."""
        untagged = await self._command(f"SELECT {quote_folder(folder)}")
        told = [response.code[1] for response in untagged if response.code[0] == "UIDNEXT"]
        return Selected(uid_next=int(told[-1]) if told and told[-1].isascii() and told[-1].isdigit() else None)

    async def search(self, criteria: str) -> tuple[int, ...]:
        """The UIDs of the selected folder's messages that meet the criteria, ascending."""
        untagged = await self._command(f"UID SEARCH {criteria}")
        words = [word for each in untagged if each.word == "SEARCH" for word in each.text.split()[1:]]
        return tuple(sorted({int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 10}))  # noqa: PLR2004

    async def fetch_headers(self, uid: int) -> bytes | None:
        """A message's header section, without marking it as read; None when the message is gone."""
        untagged = await self._command(f"UID FETCH {uid:d} (UID BODY.PEEK[HEADER])")
        for response in untagged:
            found = _UID.search(response.text)
            if found is not None and int(found.group(1)) == uid and response.literals:
                return response.literals[0]
        return None

    async def delete(self, uids: Sequence[int]) -> None:
        """Remove messages of the selected folder for good; without UIDPLUS others marked as deleted go with them."""
        for start in range(0, len(uids), _MOST_UIDS_AT_ONCE):
            some = ",".join(f"{uid:d}" for uid in uids[start : start + _MOST_UIDS_AT_ONCE])
            await self._command(f"UID STORE {some} +FLAGS.SILENT (\\Deleted)")
            await self._command(f"UID EXPUNGE {some}" if "UIDPLUS" in self._capabilities else "EXPUNGE")

    async def logout(self) -> None:
        """Take leave; the connection is of no further use."""
        await self._command("LOGOUT", farewell=True)

    def close(self) -> None:
        """At once, without a farewell. Harmless when repeated."""
        self._stream.close()

    # -- the beginning --------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        if self._endpoint.tls is Tls.IMPLICIT:
            await self._secure()
        greeting = await self._response()
        if greeting.tag != "*" or greeting.word != "OK":
            # PREAUTH would take us past STARTTLS and past the login, in whosever name
            raise ImapError(f"the server did not greet but said: {self._show(f'{greeting.tag} {greeting.text}')}")
        if self._endpoint.tls is Tls.STARTTLS:
            await self._command("STARTTLS")
            if self._reader.leftover or self._stream.arrived():
                raise ImapProtocolError("data was injected before TLS began")
            await self._secure()
        elif self._endpoint.tls is Tls.NONE and not self._endpoint.allow_plaintext:
            raise ImapError("no password is sent without TLS")
        await self._ask_capabilities()

    async def _secure(self) -> None:
        try:
            await self._stream.secure(context_for(self._endpoint.ca_file), self._endpoint.host)
        except ssl.SSLError as exc:
            raise ImapError(reason_of(exc)) from exc

    async def _ask_capabilities(self) -> None:
        """What was said before TLS or before the login does not count any more, so it is asked anew."""
        untagged = await self._command("CAPABILITY")
        told = [response.text.upper().split()[1:] for response in untagged if response.word == "CAPABILITY"]
        self._capabilities = frozenset(word for words in told for word in words)

    async def _authenticate(self, mechanism: str, words: str) -> None:
        encoded = base64.b64encode(words.encode())
        self._secrets = (*self._secrets, words)
        # the second answer, an empty line, ends an XOAUTH2 error challenge; PLAIN never asks for one
        await self._command(f"AUTHENTICATE {mechanism}", answers=(encoded, b""))

    # -- one command ----------------------------------------------------------------------------------------------

    async def _command(
        self, line: str, *, literals: Sequence[bytes] = (), answers: Sequence[bytes] = (), farewell: bool = False
    ) -> list[Response]:
        """Send a command and collect what the server says until it is done. Raises ImapError, ImapProtocolError."""
        if _UNSAFE.search(line):
            raise ValueError("a command with control characters")
        name = " ".join(line.split()[: 2 if line.startswith("UID ") else 1])
        self._commands += 1
        self._bytes = 0
        tag = f"m{self._commands}"
        pending = [*_literal_pieces(literals), *(answer + b"\r\n" for answer in answers)]
        announced = f" {{{len(literals[0])}}}" if literals else ""
        await self._stream.write(f"{tag} {line}{announced}\r\n".encode())
        untagged: list[Response] = []
        while len(untagged) <= _MOST_UNTAGGED:
            response = await self._response()
            if response.tag == "*":
                if response.word == "BYE" and not farewell:
                    raise ImapError(f"the server hung up: {self._show(response.text)}")
                untagged.append(response)
            elif response.tag == "+":
                if not pending:
                    raise ImapProtocolError(f"{name} was asked for more than there is")
                await self._stream.write(pending.pop(0))
            elif response.tag != tag:
                raise ImapProtocolError("an answer to a question nobody asked")
            elif response.word == "OK":
                return untagged
            else:
                raise ImapRefusedError(f"{name} refused: {self._show(response.text)}", response.code[0])
        raise ImapProtocolError(f"more than {_MOST_UNTAGGED} responses to {name}")

    async def _response(self) -> Response:
        while (response := self._reader.next()) is None:
            try:
                data = await self._stream.read()
            except PeerClosedError as exc:
                raise ImapError("the server closed the connection") from exc
            except ssl.SSLError as exc:
                raise ImapError(reason_of(exc)) from exc
            except ProtocolError as exc:
                raise ImapProtocolError(str(exc)) from exc
            self._bytes += len(data)
            if self._bytes > _MOST_BYTES:
                raise ImapProtocolError(f"more than {_MOST_BYTES} bytes in answer to one command")
            self._reader.feed(data)
        return response

    def _show(self, text: str) -> str:
        return printable(mask(text, self._secrets))


def _literal_pieces(literals: Sequence[bytes]) -> Iterable[bytes]:
    """Each literal goes out when the server asks for it, followed by the announcement of the next one."""
    for literal, following in zip(literals, [*literals[1:], None], strict=False):
        end = b"" if following is None else f" {{{len(following)}}}".encode()
        yield literal + end + b"\r\n"


def quote_folder(name: str) -> str:
    """A folder's name as a quoted string in modified UTF-7 (RFC 3501 section 5.1.3). Raises ValueError."""
    if not name or not name.isprintable():
        raise ValueError(f"not a folder: {name!r}")
    encoded = re.sub(r"[^\x20-\x7e]+", lambda match: _shifted(match.group()), name.replace("&", "&-"))
    escaped = encoded.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _shifted(text: str) -> str:
    return "&" + base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def trouble_of(error: BaseException) -> str:
    """What went wrong with a mailbox, in words."""
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return "the server did not answer in time"
    return str(error) or type(error).__name__
