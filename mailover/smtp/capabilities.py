"""What a server says it can do: the EHLO reply read into a value (RFC 5321 section 4.1.1.1). Text in, value out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SMALLEST_SANE_SIZE = 1000
_LARGEST_SANE_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The extensions a server offers. After STARTTLS only what it says then counts (RFC 3207 section 4.2)."""

    keywords: frozenset[str] = frozenset()
    """Upper case, without parameters."""
    mechanisms: tuple[str, ...] = ()
    """AUTH mechanisms in the server's order, upper case, from the RFC form and the old `AUTH=` form."""
    size: int | None = None
    """Bytes a message may have, None when there is no limit or an absurd one."""
    notes: tuple[str, ...] = ()
    """What was odd, for people."""

    @property
    def starttls(self) -> bool:
        """Whether STARTTLS is offered (RFC 3207)."""
        return "STARTTLS" in self.keywords

    @property
    def pipelining(self) -> bool:
        """Whether commands may be sent in groups (RFC 2920)."""
        return "PIPELINING" in self.keywords

    @property
    def eight_bit(self) -> bool:
        """Whether 8-bit message bodies are taken (RFC 6152)."""
        return "8BITMIME" in self.keywords

    @property
    def utf8(self) -> bool:
        """Whether addresses may be in UTF-8 (RFC 6531)."""
        return "SMTPUTF8" in self.keywords

    @property
    def enhanced_codes(self) -> bool:
        """Whether replies carry enhanced status codes (RFC 2034)."""
        return "ENHANCEDSTATUSCODES" in self.keywords


def read_capabilities(lines: Iterable[str]) -> Capabilities:
    """The capabilities in an EHLO reply's lines without their codes; the first line is the greeting and skipped."""
    keywords: set[str] = set()
    mechanisms: dict[str, None] = {}
    size: int | None = None
    notes: list[str] = []
    for line in list(lines)[1:]:
        word, *parameters = line.replace("AUTH=", "AUTH ", 1).replace("auth=", "AUTH ", 1).split() or [""]
        if not _KEYWORD.fullmatch(word):
            continue
        keyword = word.upper()
        keywords.add(keyword)
        if keyword == "AUTH":
            mechanisms.update(dict.fromkeys(name.upper() for name in parameters))
        elif keyword == "SIZE" and parameters:
            size = _sane_size(parameters[0])
            if size is None and parameters[0] != "0":
                notes.append(f"SIZE {parameters[0][:40]} is absurd and ignored")
    return Capabilities(keywords=frozenset(keywords), mechanisms=tuple(mechanisms), size=size, notes=tuple(notes))


def _sane_size(word: str) -> int | None:
    """RFC 1870 allows 20 digits and says that 0 means no fixed limit; int() alone would take `1_0` and other digits."""
    if not (word.isascii() and word.isdigit() and len(word) <= len(str(_LARGEST_SANE_SIZE))):
        return None
    size = int(word)
    return size if _SMALLEST_SANE_SIZE <= size <= _LARGEST_SANE_SIZE else None
