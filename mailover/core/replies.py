"""Takes a reply apart: one pasted line, several, or one that an exception's text holds.

Reads text that people and applications hand in. Replies on a connection are read by the SMTP client, never here.
"""

import re
from dataclasses import dataclass

_HELD = re.compile(r"\((\d{3}), b?['\"](.*)['\"]", re.DOTALL)
_REPLY = re.compile(r"\s*(?:smtp;\s*)?(\d{3})(?=[\s-]|$)[\s-]?(.*)", re.DOTALL | re.IGNORECASE)
_ENHANCED = re.compile(r"\s*#?([245]\.\d{1,3}\.\d{1,3})(?=[\s:;,-]|$)")
_QMAIL = re.compile(r"\(#([245]\.\d{1,3}\.\d{1,3})\)")
_INSIDE = re.compile(r"(?<![\d.])([45]\.[0-7]\.\d{1,3})(?!\.?\d)")
_CONTINUED = re.compile(r"[\r\n]+\d{3}[ -](?:[245]\.\d{1,3}\.\d{1,3}\s)?")
_LONGEST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply taken apart. Text that is no reply has neither code nor enhanced code."""

    code: int | None
    enhanced: str | None
    text: str


def read_reply(line: str) -> Reply:
    """Take apart `550 5.7.1 text`, `550-5.7.1 text` over several lines, an exception holding a reply, or bare text."""
    short = line[:_LONGEST]
    held = reply_within(short)
    if held is not None:
        return held
    found = _REPLY.match(short)
    if found is None:
        return Reply(code=None, enhanced=enhanced_within(short), text=short.strip())
    return _reply(found)


def reply_within(text: str) -> Reply | None:
    """The reply that an exception's text holds, as in `SMTPDataError: (554, b'5.7.1 spam')`; None if it holds none."""
    found = _HELD.search(text[:_LONGEST])
    return None if found is None else _reply(found)


def _reply(found: re.Match[str]) -> Reply:
    text = _CONTINUED.sub(" ", found[2].replace("\\n", "\n"))
    return Reply(code=int(found[1]), enhanced=enhanced_within(text), text=text.strip())


def enhanced_inside(text: str) -> str | None:
    """The first enhanced code anywhere in a reply's text, as some gateways put a word of their own before it."""
    found = _INSIDE.search(text[:_LONGEST])
    return found[1] if found else None


def enhanced_within(text: str) -> str | None:
    """The enhanced code that a reply's text begins with, or ends with in qmail's manner, `(#5.1.1)`."""
    found = _ENHANCED.match(text) or _QMAIL.search(text)
    return found[1] if found else None
