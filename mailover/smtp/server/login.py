"""Logging in, as a server hears it (RFC 4954): PLAIN and LOGIN. Lines in, credentials out; nobody is judged here."""

import base64
import binascii

from mailover.secrets import Secret
from mailover.smtp.endpoint import Mechanism
from mailover.smtp.server import said
from mailover.smtp.server.requests import RequestError
from mailover.smtp.server.said import Said

_CANCEL = b"*"
_EMPTY = b"="
"""An initial response of no bytes (RFC 4954 section 4)."""


class Presented:
    """One attempt to log in; `username` and `password` are there when nothing more is asked."""

    def __init__(self, argument: bytes) -> None:
        """The argument of AUTH. Raises RequestError for a mechanism that is not known."""
        name, _, initial = argument.partition(b" ")
        self._plain = name.upper() == Mechanism.PLAIN.encode()
        if not self._plain and name.upper() != Mechanism.LOGIN.encode():
            raise RequestError(said.LOGIN_UNKNOWN)
        self.initial = (b"" if initial == _EMPTY else initial) if initial else None
        """What came with AUTH itself."""
        self._answers: list[str] = []
        self.username = ""
        self.password = Secret("")

    def hear(self, line: bytes | None) -> Said | None:
        """An answer, None before the first; what to ask next, None when all has been said. Raises RequestError."""
        if line is None:
            return said.ASK_BOTH if self._plain else said.ASK_USERNAME
        if line == _CANCEL:
            raise RequestError(said.LOGIN_CANCELLED)
        try:
            answer = base64.b64decode(line, validate=True).decode()
        except (binascii.Error, ValueError):
            raise RequestError(said.LOGIN_GARBLED) from None
        if self._plain:
            self._hear_plain(answer)
            return None
        return self._hear_login(answer)

    def _hear_plain(self, answer: str) -> None:
        parts = answer.split("\0")
        if len(parts) != 3:  # noqa: PLR2004 - whom to act as, who it is, the password (RFC 4616)
            raise RequestError(said.LOGIN_GARBLED)
        acting, self.username, password = parts
        if acting not in {"", self.username}:
            raise RequestError(said.LOGIN_REFUSED)
        self.password = Secret(password)

    def _hear_login(self, answer: str) -> Said | None:
        self._answers.append(answer)
        if len(self._answers) == 1:
            return said.ASK_PASSWORD
        self.username, self.password = self._answers[0], Secret(self._answers[1])
        return None
