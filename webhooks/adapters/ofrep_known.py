"""Answers that are the same for everybody, kept as long as the snapshot that they were made from is the present one."""

from mailover.service import Snapshot
from webhooks.answers import Answer

Key = tuple[str, str, bool]
"""A flag, a stream, and whether the caller named it."""


class Known:
    """What was answered already. Safe in any thread: at worst an answer is made twice."""

    def __init__(self) -> None:
        """Nothing was answered yet."""
        self._kept: tuple[Snapshot | None, dict[Key, Answer]] = (None, {})

    def of(self, snapshot: Snapshot) -> dict[Key, Answer]:
        """The answers that were made from this very snapshot, to be added to."""
        kept = self._kept
        if kept[0] is not snapshot:
            self._kept = kept = (snapshot, {})
        return kept[1]
