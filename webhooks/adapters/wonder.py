"""Names in another system's config that nobody has here: that system cannot be told, so the log tells of each, once."""

import logging

_log = logging.getLogger("mailover.adapters")

_MOST = 20
_LONGEST = 64


class Wonder:
    """What was wondered at already, and no more than a few names of it."""

    def __init__(self, sentence: str) -> None:
        """`sentence` says what is asked for; the name follows it."""
        self._sentence = sentence
        self._told: set[str] = set()

    def at(self, name: str) -> None:
        """Tell of this name, unless it was told."""
        shown = name[:_LONGEST]
        if shown not in self._told and len(self._told) < _MOST:
            self._told.add(shown)
            _log.warning("%s: %r", self._sentence, shown)
