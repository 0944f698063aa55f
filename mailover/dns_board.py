"""The latest DNS report and how each record changed, kept in the store so that a restart forgets neither.

Who makes reports offers to do so here; nothing is asked of the DNS, and nothing is judged.
"""

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mailover.core.events import rfc3339
from mailover.errors import StorageError, UnavailableError
from mailover.storage.store import Store

_log = logging.getLogger("mailover.dns")

_REPORT, _HISTORY = "dns.report", "dns.history"
_MOST_CHANGES = 20
_MOST_NAMES = 1000
_MADE_UP = re.compile(r"[0-9a-f]{20}\.")
"""Names that are asked for to find wildcards; they mean nothing."""

Records = Mapping[tuple[str, str], tuple[str, ...]]
"""What is at a name and type; no values: the DNS says that there is nothing."""
Checker = Callable[[Sequence[str]], Mapping[str, object]]
"""Checks these domains now, all that are watched when none is named; returns the report. Blocks."""


class DnsBoard:
    """Thread-safe."""

    def __init__(self, store: Store) -> None:
        """What an earlier process knew is read when it is first wanted."""
        self._store = store
        self._lock = threading.Lock()
        self._latest: dict[str, Any] | None = None
        self._history: dict[str, list[dict[str, Any]]] | None = None
        self._checker: Checker | None = None

    def offer(self, checker: Checker | None) -> None:
        """The agent offers to check by hand, or no longer."""
        self._checker = checker

    def check(self, domains: Sequence[str] = ()) -> Mapping[str, object]:
        """Check now; what is found counts like any other check."""
        if self._checker is None:
            raise UnavailableError("no DNS is watched: the config has no table [dns], or no agent is running")
        return self._checker(domains)

    def latest(self) -> Mapping[str, Any] | None:
        """The latest whole report with `checked_at`, None before the first one. Raises StorageError."""
        with self._lock:
            if self._latest is None:
                kept = self._store.note(_REPORT)
                self._latest = kept if isinstance(kept, dict) else None
            return self._latest

    def history(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Each record's values as they changed, oldest first, by "name TYPE". Raises StorageError."""
        with self._lock:
            return self._read_history()

    def publish(self, report: Mapping[str, object], records: Records, at: datetime) -> None:
        """A whole report replaces the one before; what changed of the records is added to their history."""
        with self._lock:
            self._latest = {"checked_at": rfc3339(at), **report}
            try:
                self._store.set_note(_REPORT, self._latest)
                history = self._read_history()
                if _note_changes(history, records, rfc3339(at)):
                    self._store.set_note(_HISTORY, history)
            except StorageError as error:
                _log.warning("the DNS report is not kept: %s", error)

    def _read_history(self) -> dict[str, list[dict[str, Any]]]:
        if self._history is None:
            kept = self._store.note(_HISTORY)
            self._history = kept if isinstance(kept, dict) else {}
        return self._history


def _note_changes(history: dict[str, list[dict[str, Any]]], records: Records, at: str) -> bool:
    """Whether anything changed. What never was there is no change."""
    changed = False
    for (name, kind), values in sorted(records.items()):
        key, now = f"{name} {kind}", sorted(values)
        known = history.get(key)
        if (known is None and not now) or _MADE_UP.match(name) or (known and known[-1]["values"] == now):
            continue
        if known is None and len(history) >= _MOST_NAMES:
            continue
        history[key] = [*(known or []), {"at": at, "values": now}][-_MOST_CHANGES:]
        changed = True
    return changed
