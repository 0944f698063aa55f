"""The headers of a delivered message as pairs, whoever hands them over. Bounded, and never a reason to fail."""

from collections.abc import Mapping

Headers = tuple[tuple[str, str], ...]
"""Names and unfolded values, topmost first."""

_MOST_HEADERS = 500
_LONGEST_VALUE = 16 * 1024


def read_headers(content: bytes) -> Headers:
    """The header section of a message (RFC 5322 section 2.2), up to the first empty line."""
    pairs: list[tuple[str, str]] = []
    for line in content.decode("latin-1").split("\n"):
        text = line.rstrip("\r")
        if not text or len(pairs) > _MOST_HEADERS:
            break
        if text[0] in " \t":
            if pairs:
                name, value = pairs[-1]
                pairs[-1] = (name, f"{value} {text.strip()}"[:_LONGEST_VALUE])
            continue
        name, colon, value = text.partition(":")
        if colon:
            pairs.append((name.strip(), value.strip()[:_LONGEST_VALUE]))
    return tuple(pairs[:_MOST_HEADERS])


def headers_from(told: Mapping[str, str]) -> Headers:
    """What a workflow tool passes on: names in any case; several headers of one name stand on lines of their own.

    Some tools repeat the name within the value ("subject": "Subject: hello"); that is taken off.
    """
    pairs = []
    for name, value in list(told.items())[:_MOST_HEADERS]:
        for line in value[: 4 * _LONGEST_VALUE].replace("\r\n ", " ").replace("\r\n\t", " ").splitlines():
            head, colon, rest = line.partition(":")
            repeated = bool(colon) and head.strip().casefold() == name.strip().casefold()
            pairs.append((name.strip(), (rest if repeated else line).strip()[:_LONGEST_VALUE]))
    return tuple(pairs[:_MOST_HEADERS])


def values_of(headers: Headers, name: str) -> tuple[str, ...]:
    """The values of every header of that name, topmost first."""
    wanted = name.casefold()
    return tuple(value for each, value in headers if each.casefold() == wanted)
