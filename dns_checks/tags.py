"""Lists of `tag=value` (RFC 6376 section 3.2), in which DKIM keys, DMARC policies and TLS policies are written.

What a tag means is its record's own business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagList:
    """The tags in their order; of a repeated one the first."""

    values: Mapping[str, str]
    problems: tuple[str, ...] = ()
    """What breaks the syntax, one phrase each."""

    @property
    def first(self) -> str | None:
        """The name of the first tag."""
        return next(iter(self.values), None)


def read_tags(text: str) -> TagList:
    """What can be read of the list, and what is wrong with it."""
    values: dict[str, str] = {}
    problems: list[str] = []
    pieces = text.split(";")
    if not pieces[-1].strip(_BLANKS):
        pieces.pop()
    for piece in pieces:
        name, equals, value = (part.strip(_BLANKS) for part in piece.partition("="))
        if not name and not equals:
            problems.append("nothing between two semicolons")
        elif not equals or not _NAME.match(name):
            problems.append(f"{_short(piece)!r} is no tag=value")
        elif name in values:
            problems.append(f"the tag {name}= is there twice")
        else:
            values[name] = value
            if not value.isascii() or not all(char.isprintable() or char in _BLANKS for char in value):
                problems.append(f"the tag {name}= has characters outside ASCII")
    return TagList(values=MappingProxyType(values), problems=tuple(problems))


def _short(piece: str) -> str:
    piece = piece.strip(_BLANKS)
    return piece if len(piece) <= 40 else f"{piece[:39]}…"  # noqa: PLR2004 - enough to find it by
