"""One command line read: its verb, and what is in MAIL and RCPT. Bytes in, values out; the order is not looked at."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailover.smtp.commands import AddressError, wire_address
from mailover.smtp.server import said
from mailover.smtp.server.said import Said


class Verb(StrEnum):
    """What a client may say."""

    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    RSET = "RSET"
    NOOP = "NOOP"
    VRFY = "VRFY"
    HELP = "HELP"
    QUIT = "QUIT"


VERBS = {verb.value.encode(): verb for verb in Verb}
FOREIGN = frozenset(b"GET POST PUT HEAD DELETE OPTIONS PATCH TRACE CONNECT PRI HOST: USER-AGENT:".split())
"""A browser or a proxy that was led here (cross-protocol scripting)."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FROM = re.compile(rb"FROM: ?<([^>\"]*|(?:@[^:>]*:)?\"(?:[^\"\\]|\\.)*\"@[^>]*)>(?: +(\S.*))?", re.IGNORECASE)
_TO = re.compile(rb"TO: ?<([^>\"]*|(?:@[^:>]*:)?\"(?:[^\"\\]|\\.)*\"@[^>]*)>(?: +(\S.*))?", re.IGNORECASE)
_ROUTE = re.compile(r"@[^:]*:")
_DIGITS = re.compile(rb"[0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What MAIL says."""

    address: str
    """Empty for the null reverse-path."""
    size: int = 0
    """As announced (RFC 1870), 0 if it was not."""
    utf8: bool = False


class RequestError(Exception):
    """A command that is refused; `said` tells the client why."""

    def __init__(self, reply: Said) -> None:
        """Nothing of the command is in it."""
        super().__init__(reply.text)
        self.said = reply


def has_control(line: bytes) -> bool:
    """Whether a line holds what no command may hold."""
    return _CONTROL.search(line) is not None


def read_mail(argument: bytes, *, auth: bool) -> Sender:
    """The argument of MAIL; `auth`: the parameter of RFC 4954 is taken, and ignored. Raises RequestError."""
    found = _FROM.fullmatch(argument)
    if found is None:
        raise RequestError(said.MAIL_SYNTAX)
    path, parameters = found.groups()
    if parameters is None:
        return Sender(address=_address(path, said.SENDER_SYNTAX, utf8=False) if path else "")
    size, utf8 = _parameters(parameters, auth=auth)
    return Sender(address=_address(path, said.SENDER_SYNTAX, utf8=utf8) if path else "", size=size, utf8=utf8)


def read_rcpt(argument: bytes, *, utf8: bool) -> str:
    """The address in RCPT, byte for byte but without a source route (RFC 5321 section 3.6.1). Raises RequestError."""
    found = _TO.fullmatch(argument)
    if found is None:
        raise RequestError(said.RCPT_SYNTAX)
    if found[2] is not None:
        raise RequestError(said.UNKNOWN_PARAMETER)
    return _address(found[1], said.RECIPIENT_SYNTAX, utf8=utf8)


def _address(path: bytes, wrong: Said, *, utf8: bool) -> str:
    """An address that can be put into a command again, on the way to a provider."""
    try:
        address = path.decode()
    except UnicodeDecodeError:
        raise RequestError(wrong) from None
    if address.startswith("@"):
        address = _ROUTE.sub("", address, count=1)
    if not (utf8 or address.isascii()):
        raise RequestError(said.NEEDS_UTF8)
    try:
        return wire_address(address, utf8=True)
    except AddressError:
        raise RequestError(wrong) from None


def _parameters(text: bytes, *, auth: bool) -> tuple[int, bool]:
    """The announced size, and whether SMTPUTF8 was said."""
    size, seen = 0, set()
    for word in text.split():
        key, equals, value = word.partition(b"=")
        key = key.upper()
        if key in seen:
            raise RequestError(said.BAD_PARAMETER)
        seen.add(key)
        if key == b"SIZE":
            good = _DIGITS.fullmatch(value) is not None
            size = int(value) if good else 0
        elif key == b"BODY":
            good = value.upper() in {b"7BIT", b"8BITMIME"}
        elif key == b"SMTPUTF8":
            good = not equals
        elif key == b"AUTH" and auth:
            good = bool(value)
        else:
            raise RequestError(said.UNKNOWN_PARAMETER)
        if not good:
            raise RequestError(said.BAD_PARAMETER)
    return size, b"SMTPUTF8" in seen
