"""The words of the rules: short sentences that an operator understands at night."""

import re
from collections.abc import Mapping
from datetime import timedelta

from mailover.core.observations import Failure, FailureKind, Owner

_LOCAL_PART = re.compile(r"([^\s<>\"',;:@])[^\s<>\"',;:@]*@")
_OURS: Mapping[FailureKind, str] = {
    FailureKind.AUTH: "check our user name and password there",
    FailureKind.SUSPENDED: "our account is suspended: contact its support",
    FailureKind.QUOTA: "our quota there is used up",
    FailureKind.REPUTATION: "our reputation there is refused: look for a blocklisting",
    FailureKind.POLICY: "our settings there are refused: check sender identity and DNS",
    FailureKind.RATE_LIMIT: "we send faster than our limit there",
}


def failure_words(failure: Failure) -> str:
    """A failure in one phrase, as in "auth: 535 5.7.8 Username and Password not accepted"."""
    said = failure.text or str(failure.kind)
    code = f"{failure.code} " if failure.code is not None and not said.startswith(str(failure.code)) else ""
    return f"{failure.stage}: {code}{said}"[:200]


def veiled(text: str) -> str:
    """A foreign text in which nobody's address is whole: of each local part only the first letter."""
    return _LOCAL_PART.sub(r"\1...@", text) if "@" in text else text


def whose(kind: FailureKind) -> str:
    """What is ours to mend, as a clause to append; empty when it is the provider's."""
    return f"; the fix is ours: {_OURS[kind]}" if kind.owner is Owner.ACCOUNT else ""


def span_words(span: timedelta) -> str:
    """A span as people say it: "45 s", "5 min", "1 h 30 min"."""
    seconds = round(span.total_seconds())
    if seconds < 120:  # noqa: PLR2004 - two minutes: where people stop counting seconds
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 - and two hours: where they stop counting minutes
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def percent(share: float) -> str:
    """A share as "4 %"."""
    return f"{share * 100:.0f} %"


def fine_percent(share: float) -> str:
    """A small share as "0.4 %"."""
    return f"{share * 100:.1f} %"


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Names as people list them: "a", "a and b", "a, b and c"."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
