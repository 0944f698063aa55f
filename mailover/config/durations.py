"""Spans of time as people write them, "300ms", "15s", "1h30m", and back. No instants and no clock."""

import re
from datetime import timedelta

_PARTS = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?")
_LONGEST_DIGITS = 7
_MILLISECOND = timedelta(milliseconds=1)


def parse_duration(text: object) -> timedelta:
    """Read a span such as "1h30m"; raises ValueError, with the cure, for anything else."""
    found = _PARTS.fullmatch(text) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise ValueError('must be a duration in quotes with its unit, such as "300ms", "15s", "5m" or "1h30m"')
    if any(len(digits) > _LONGEST_DIGITS for digits in found.groups(default="")):
        raise ValueError(f"has a number of more than {_LONGEST_DIGITS} digits")
    hours, minutes, seconds, milliseconds = (int(digits) for digits in found.groups(default="0"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)


def format_duration(span: timedelta) -> str:
    """The shortest text that reads back as the same span, to the millisecond."""
    whole, milliseconds = divmod(span // _MILLISECOND, 1000)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"), (milliseconds, "ms"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
