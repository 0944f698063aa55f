"""Macro strings (RFC 7208 section 7): reading them, and putting a message's values in.

Nothing is asked here: the validated name for `%{p}` comes in with the other values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from dns_checks.spf.permerror import PermError

EXPLANATION_ONLY = frozenset("crt")
_LETTERS = frozenset("slodiphvcrt")
_MOST_PARTS = 128
"""A name has no more labels (section 7.1)."""
_LONGEST_NAME = 253
_ESCAPES = {"%%": "%", "%_": " ", "%-": "%20"}
_TOKEN = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([-.+,/_=]*)\}|(%[%_-])|([^%]+)")
_VISIBLE = re.compile(r"[\x21-\x7e]*")
_VISIBLE_OR_BLANK = re.compile(r"[\x20-\x7e]*")
_ENDS_IN_TOPLABEL = re.compile(r"\.(?=[A-Za-z0-9-]*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """One `%{...}`."""

    letter: str
    """In lower case."""
    parts: int = _MOST_PARTS
    """How many of the right-hand parts stay."""
    reverse: bool = False
    delimiters: str = ""
    escape: bool = False
    """It was written in upper case: the value goes into a URL."""

    def expand(self, value: str) -> str:
        """The value, cut into parts, turned round and put together as the macro says (section 7.3)."""
        if self.delimiters or self.reverse or self.parts < _MOST_PARTS:
            pieces = re.split(f"[{re.escape(self.delimiters or '.')}]", value)
            if self.reverse:
                pieces.reverse()
            value = ".".join(pieces[-self.parts :])
        return quote(value, safe="", encoding="utf-8", errors="replace") if self.escape else value


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroString:
    """A text with macros in it."""

    text: str
    tokens: tuple[str | Macro, ...]

    @property
    def letters(self) -> frozenset[str]:
        """The macros that it uses."""
        return frozenset(token.letter for token in self.tokens if isinstance(token, Macro))

    def expand(self, values: Mapping[str, str]) -> str:
        """With each macro's value in its place; `values` has all of `letters`."""
        return "".join(token if isinstance(token, str) else token.expand(values[token.letter]) for token in self.tokens)

    def expand_name(self, values: Mapping[str, str]) -> str:
        """The same as a domain name: no final dot, and cut from the left, label by label, to 253 characters."""
        name = self.expand(values).removesuffix(".")
        while len(name) > _LONGEST_NAME:
            _, dot, name = name[-_LONGEST_NAME - 1 :].partition(".")
            if not dot:
                return ""
        return name


def read_macros(text: str) -> MacroString:
    """A `macro-string`: visible characters and macros. Raises PermError."""
    return _read(text, _VISIBLE)[0]


def read_explanation(text: str) -> MacroString:
    """An `explain-string`, which may have blanks. Raises PermError."""
    return _read(text, _VISIBLE_OR_BLANK)[0]


def read_domain(text: str) -> MacroString:
    """A `domain-spec`: it ends in a macro or in a dot and a top label. Raises PermError."""
    found, ends_in_macro = _read(text, _VISIBLE)
    if not found.tokens:
        raise PermError("a domain is missing")
    if found.letters & EXPLANATION_ONLY:
        raise PermError(f"{_shown(text)}: the macros c, r and t are for explanations only")
    if not ends_in_macro and not _final_label_fits(text):
        raise PermError(f"{_shown(text)} does not end in a top-level domain")
    return found


def _final_label_fits(text: str) -> bool:
    """Matched from the last dot but a trailing one, so that a long text costs nothing."""
    at = text.rfind(".", 0, len(text) - 1)
    return at >= 0 and _ENDS_IN_TOPLABEL.fullmatch(text, at) is not None


def _read(text: str, allowed: re.Pattern[str]) -> tuple[MacroString, bool]:
    """What the text says, and whether its last token is a `macro-expand`."""
    if not allowed.fullmatch(text):
        raise PermError(f"{_shown(text)} has a character that is not allowed")
    tokens: list[str | Macro] = []
    at, in_macro = 0, False
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PermError(f"{_shown(text)}: a % that begins no macro")
        tokens.append(_token(found, text))
        at, in_macro = found.end(), found[6] is None
    return MacroString(text=text, tokens=tuple(tokens)), in_macro


def _token(found: re.Match[str], text: str) -> str | Macro:
    letter, digits, reverse, delimiters, escape, literal = found.groups()
    if literal:
        return str(literal)
    if escape:
        return _ESCAPES[escape]
    if letter.lower() not in _LETTERS:
        raise PermError(f"{_shown(text)}: there is no macro {letter}")
    if digits and not digits.strip("0"):
        raise PermError(f"{_shown(text)}: a macro that keeps no part")
    parts = min(int(digits.lstrip("0")[:4]), _MOST_PARTS) if digits else _MOST_PARTS
    return Macro(
        letter=letter.lower(), parts=parts, reverse=bool(reverse), delimiters=delimiters, escape=letter.isupper()
    )


def address_as_name(address: IPv4Address | IPv6Address) -> str:
    """The `i` macro: dotted, an IPv6 address by its 32 nibbles."""
    return str(address) if address.version == 4 else ".".join(f"{int(address):032X}")  # noqa: PLR2004 - IPv4


def _shown(text: str) -> str:
    return repr(text if len(text) < 60 else text[:57] + "...")  # noqa: PLR2004 - fits a line
