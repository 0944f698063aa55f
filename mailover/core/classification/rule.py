"""One row of a classification table, and the normal form of the text it is matched against.

The rows themselves live in the themed modules beside this one; deciding between rows is `classify`.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from mailover.core.observations import FailureKind, Stage

LONGEST_TEXT = 1500
"""Characters of a reply that are looked at: the reason stands at its beginning, and a hostile peer may send more."""

GREETING = frozenset({Stage.CONNECT, Stage.BANNER})
UP_TO_LOGIN = GREETING | {Stage.EHLO, Stage.STARTTLS, Stage.AUTH}
UP_TO_MAIL = UP_TO_LOGIN | {Stage.RESOLVE, Stage.MAIL}
"""Stages at which nothing is known of recipients or content yet."""

_ADDRESS = re.compile(r"[\w.+%*=-]{1,64}@[\w.*-]{1,120}")
_SPACES = re.compile(r"\s+")


def fold(text: str) -> str:
    """Remove accents, which servers send, drop or mangle as they please."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def normal_form(text: str) -> str:
    """The text as rows see it: lower case, no accents, single spaces, `@` for every address, straight quotes."""
    short = text[:LONGEST_TEXT].replace("\u2019", "'")
    without_addresses = _ADDRESS.sub("@", fold(short).lower())
    return _SPACES.sub(" ", without_addresses).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If any of `words` is found, and no restriction forbids it, the failure is of this kind.

    `words` are regular expressions over the normal form (lower case, no accents, `@` for an address). Gaps between
    words are bounded (`.{0,60}`), so that no text can make a search slow.
    """

    kind: FailureKind
    because: str
    """What the words mean: one clause, without capital or full stop, that an operator understands."""
    words: tuple[str, ...]
    stages: frozenset[Stage] = frozenset()
    """Only at these stages; a bounce has no stage and never matches such a row. Empty: at any."""
    not_at: frozenset[Stage | None] = frozenset()
    """Never at these stages; None is a bounce."""
    codes: tuple[str, ...] = ()
    """Only with reply codes that begin so, as in "5" or "421". Empty: any, also none."""
    enhanced: tuple[str, ...] = ()
    """Only with one of these enhanced codes. Empty: any, also none."""

    def applies(self, stage: Stage | None, code: int | None, enhanced: str | None, text: str) -> bool:
        """Whether this row speaks; `text` must be in normal form."""
        if stage in self.not_at or (self.stages and stage not in self.stages):
            return False
        if self.codes and not str(code or "").startswith(self.codes):
            return False
        if self.enhanced and enhanced not in self.enhanced:
            return False
        return _compiled(self.words).search(text) is not None


@cache
def _compiled(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fold(pattern) for pattern in words))
