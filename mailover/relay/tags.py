"""What an application says to the relay in a message's header, for routing alone: its region, and what it sticks to.

Pure. The fields are taken out: they are nobody's business but ours. One without them is handed on as it is.
"""

import re
from dataclasses import dataclass

_END = b"\r\n\r\n"
_FIELD = re.compile(
    rb"^x-mailover-(region|key)[ \t]*:(.*(?:\r\n[ \t].*)*)(?:\r\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """A message and what was said with it."""

    content: bytes
    """Without the fields."""
    region: str = ""
    """`X-Mailover-Region`: a tag that the stream's geography knows."""
    key: str = ""
    """`X-Mailover-Key`: messages with the same one go the same way where providers share."""


def read_tags(content: bytes) -> Tags:
    """The first of each counts; what is no short text is not known to any rule, and goes all the same."""
    found = content.find(_END)
    end = len(content) if found < 0 else found + 2
    said: dict[bytes, str] = {}
    kept, start = [], 0
    for field in _FIELD.finditer(content, 0, end):
        said.setdefault(field[1].lower(), _text(field[2]))
        kept.append(content[start : field.start()])
        start = field.end()
    if not kept:
        return Tags(content=content)
    whole = b"".join((*kept, content[start:]))
    return Tags(content=whole, region=said.get(b"region", "").lower(), key=said.get(b"key", ""))


def _text(value: bytes) -> str:
    return " ".join(value.decode("utf-8", "replace").split())[:_LONGEST]
