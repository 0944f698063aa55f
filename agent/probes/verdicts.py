"""What the mailbox's server thinks of a message: SPF, DKIM and DMARC out of Authentication-Results (RFC 8601).

Anyone can write such a header into a message; only the server that delivered it puts one on top. Text in, words out,
and no text makes it raise.
"""

import re
from collections.abc import Iterator, Mapping

from agent.probes.headers import Headers, values_of

METHODS = ("spf", "dkim", "dmarc")

_RESULTS = frozenset(
    {"none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "hardfail", "bestguesspass"}
)
_STATEMENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,30})\s*(?:/\s*\d{1,5}\s*)?=\s*([A-Za-z]{1,20})(?![A-Za-z0-9-])")
_LONGEST_RETURN_PATH = 320


def read_verdicts(headers: Headers, authserv_id: str | None = None) -> Mapping[str, str]:
    """The verdict per method, as far as there is one.

    With `authserv_id` every header of that server counts, else the topmost alone. The topmost statement of a method
    wins, but one passing DKIM signature is enough: providers sign twice.
    """
    every = values_of(headers, "Authentication-Results")
    believed = every[:1] if authserv_id is None else [value for value in every if _is_from(value, authserv_id)]
    verdicts: dict[str, str] = {}
    for method, result in (statement for value in believed for statement in _statements(value)):
        if method not in verdicts or (method == "dkim" and result == "pass"):
            verdicts[method] = result
    return verdicts


def read_return_path(headers: Headers) -> str | None:
    """The envelope sender that the final server noted (RFC 5321 section 4.4), without its angle brackets."""
    value = next(iter(values_of(headers, "Return-Path")), None)
    if value is None or not value.isprintable():
        return None
    return value.strip().removeprefix("<").removesuffix(">")[:_LONGEST_RETURN_PATH]


def _is_from(value: str, authserv_id: str) -> bool:
    words = _parts(value)[0].split()
    return bool(words) and words[0].casefold() == authserv_id.casefold()


def _statements(value: str) -> Iterator[tuple[str, str]]:
    """Each `method=result`. The first part names the server, but some servers leave their name out."""
    for part in _parts(value):
        found = _STATEMENT.match(part)
        if found is None:
            continue
        method, result = found.group(1).lower(), found.group(2).lower()
        if method in METHODS and result in _RESULTS:
            yield method, result


def _parts(value: str) -> list[str]:
    """The value split at its semicolons, without comments (which nest) and with quoted strings kept whole."""
    parts: list[str] = []
    current: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in value:
        if escaped:
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
            continue
        elif character == '"' and not depth:
            quoted = not quoted
            continue
        elif character == "(" and not quoted:
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            current.append(" ")
            continue
        elif character == ";" and not quoted and not depth:
            parts.append("".join(current))
            current = []
            continue
        if not depth:
            current.append(character)
    return [*parts, "".join(current)]
