"""As whom a message is sent through one provider: its envelope sender, its From, the headers that provider wants. Pure.

Bytes in, bytes out; nothing else of a message is touched, and one that needs no change is handed on as it is. A DKIM
signature (RFC 6376) that a change breaks is taken out and told of: broken it counts for nothing, and nobody would know.
"""

import re
from dataclasses import dataclass

from mailover.core.carriage import Identity

_END = b"\r\n\r\n"
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_ONE_MAILBOX = re.compile(
    rb"""(?P<name>
        "(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x09\x20-\x7e])*+"[ \t]*+
        |[^"<>,;:@()\[\]\\\x00-\x08\x0a-\x1f\x7f]*+)
    <(?P<address>[^<>\s]++)>""",
    re.VERBOSE,
)
_BARE = re.compile(rb"[^<>,;:()\s\"@]++@[^<>,;:()\s\"@]++")
_LONGEST_NAME = 400
"""Bytes; what is longer is no name of a sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dressed:
    """A message as one provider gets it."""

    content: bytes
    sender: str
    """The envelope's."""
    broken: tuple[str, ...] = ()
    """Domains whose DKIM signatures the change broke; they were taken out."""


def dress(content: bytes, sender: str, identity: Identity) -> Dressed:
    """Make a message the provider's. The null reverse-path stays: bounces must not answer bounces (RFC 5321, 4.5.5)."""
    envelope = identity.envelope_from if sender and identity.envelope_from else sender
    if not identity.header_from and not identity.headers:
        return Dressed(content=content, sender=envelope)
    head, body = _parted(content)
    fields = _NEXT_FIELD.split(head) if head else []
    changed: set[str] = set()
    if identity.header_from:
        fields = _from(fields, identity.header_from.encode(), changed)
    for name, text in identity.headers:
        fields = _set(fields, name, text.encode(), changed)
    if not changed:
        return Dressed(content=content, sender=envelope)
    fields, broken = _without_broken_signatures(fields, changed)
    return Dressed(content=b"\r\n".join(fields) + _END + body, sender=envelope, broken=broken)


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """The header fields without their last line end, and the body behind the empty line."""
    if content.startswith(b"\r\n"):
        return b"", content[2:]
    head, _, body = content.partition(_END)
    return head.removesuffix(b"\r\n"), body


def _name(field: bytes) -> str:
    return field.partition(b":")[0].rstrip(b" \t").decode("ascii", "replace").lower()


def _value(field: bytes) -> bytes:
    return field.partition(b":")[2]


def _set(fields: list[bytes], name: str, text: bytes, changed: set[str]) -> list[bytes]:
    """Say a field once, in place of all of that name."""
    lower, wanted = name.lower(), name.encode() + b": " + text
    there = [field for field in fields if _name(field) == lower]
    if len(there) == 1 and _value(there[0]).strip() == text:
        return fields
    changed.add(lower)
    return [*(field for field in fields if _name(field) != lower), wanted]


def _from(fields: list[bytes], address: bytes, changed: set[str]) -> list[bytes]:
    """Another address in From, the name beside it kept; answers go to the old one."""
    authors = [field for field in fields if _name(field) == "from"]
    name, before = _mailbox(_value(authors[0])) if len(authors) == 1 else (b"", b"")
    if before.lower() == address.lower():
        return fields
    changed.add("from")
    author = b"From: " + (name + b"\r\n " if name else b"") + b"<" + address + b">"
    rest = [field for field in fields if _name(field) != "from"]
    if authors and not any(_name(field) == "reply-to" for field in rest):
        changed.add("reply-to")
        rest.append(b"Reply-To:" + _value(authors[0]))
    return [*rest, author]


def _mailbox(value: bytes) -> tuple[bytes, bytes]:
    """The name and the address of one mailbox (RFC 5322, 3.4); both empty where it is not one, or not plainly."""
    plain = _FOLD.sub(b"", value).strip(b" \t")
    if found := _ONE_MAILBOX.fullmatch(plain):
        name = found["name"].strip()
        return (name if len(name) <= _LONGEST_NAME else b""), found["address"]
    return b"", plain if _BARE.fullmatch(plain) else b""


def _without_broken_signatures(fields: list[bytes], changed: set[str]) -> tuple[list[bytes], tuple[str, ...]]:
    kept, broken = [], []
    for field in fields:
        tags = _tags(field) if _name(field) == "dkim-signature" else {}
        signed = {name.strip().lower() for name in tags.get("h", "").split(":")}
        if changed & signed:
            broken.append(tags.get("d", "?"))
        else:
            kept.append(field)
    return kept, tuple(broken)


def _tags(field: bytes) -> dict[str, str]:
    """A tag list (RFC 6376, 3.2), without any white space."""
    text = "".join(_value(field).decode("ascii", "replace").split())
    return {name: value for name, _, value in (tag.partition("=") for tag in text.split(";"))}
