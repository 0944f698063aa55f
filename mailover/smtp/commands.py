"""Commands and message bodies as bytes for the wire; what could smuggle a second command is refused here. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # also those beyond ASCII, which terminals obey
_DOMAIN = rf"[^{_CONTROL} <>@\"\\,;()]+"
_ATOM_ADDRESS = re.compile(rf"[^{_CONTROL} <>\"\\,;:\[\]()@]+@{_DOMAIN}")
_QUOTED_ADDRESS = re.compile(rf"\"(?:[^{_CONTROL}\"\\]|\\[^{_CONTROL}])*\"@{_DOMAIN}")
_LONGEST_ADDRESS = 320


class Verb(StrEnum):
    """What was said, to know what a reply answers. `banner` is answered without being asked."""

    BANNER = "banner"
    EHLO = "ehlo"
    HELO = "helo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END_DATA = "end_data"
    RSET = "rset"
    QUIT = "quit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command ready for the wire; its bytes stay out of repr, for they may be a password."""

    verb: Verb
    wire: bytes

    def __repr__(self) -> str:
        return f"Command(verb={self.verb.value})"


class AddressError(ValueError):
    """An address that cannot be put into a command."""


def command(verb: Verb, argument: str = "") -> Command:
    """A command with an argument that is known to be one line."""
    if any(character in argument for character in "\r\n\0"):
        raise ValueError("a command is one line")
    return Command(verb=verb, wire=f"{verb.upper()} {argument}".rstrip().encode() + b"\r\n")


def auth_line(text: str) -> Command:
    """The answer to a challenge, already in base64; possibly empty."""
    return Command(verb=Verb.AUTH, wire=text.encode("ascii") + b"\r\n")


def mail_from(sender: str, *, size: int | None = None, eight_bit: bool = False, utf8: bool = False) -> Command:
    """MAIL with the parameters that the server offered (RFC 1870, 6152, 6531). Raises AddressError."""
    path = f"FROM:<{wire_address(sender, utf8=utf8) if sender else ''}>"
    if size is not None:
        path += f" SIZE={size}"
    if eight_bit:
        path += " BODY=8BITMIME"
    if utf8:
        path += " SMTPUTF8"
    return command(Verb.MAIL, path)


def rcpt_to(recipient: str, *, utf8: bool = False) -> Command:
    """RCPT. Raises AddressError."""
    return command(Verb.RCPT, f"TO:<{wire_address(recipient, utf8=utf8)}>")


def wire_address(address: str, *, utf8: bool) -> str:
    """The address as it may be sent: a UTF-8 domain becomes an A-label, a UTF-8 local part needs SMTPUTF8."""
    fits = _ATOM_ADDRESS.fullmatch(address) or _QUOTED_ADDRESS.fullmatch(address)
    if not fits or len(address) > _LONGEST_ADDRESS:
        raise AddressError("not an address that can be put into a command")
    if utf8 or address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise AddressError("the address is not ASCII and the server does not offer SMTPUTF8")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError as exc:
        raise AddressError("the address has a domain that cannot be written in ASCII") from exc


def needs_utf8(*addresses: str) -> bool:
    """Whether any local part is beyond ASCII, so that SMTPUTF8 has to be asked for."""
    return any(not address.rpartition("@")[0].isascii() for address in addresses)


def body(message: bytes) -> bytes:
    """A message ready for DATA: CRLF line ends, dots doubled, complete last line; the final dot is not in it."""
    lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if lines and not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
