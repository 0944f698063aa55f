"""Room on the disk that new mail does not get: what is queued must be marked as sent even when the disk is full.

A file beside the database holds it, and is let go when it is needed. A server's disk is the server's business.
"""

import logging
import os
from pathlib import Path

from mailover.errors import StorageFullError

_log = logging.getLogger("mailover.storage")

RESERVE_BYTES = 16 * 1024 * 1024
"""Enough to settle some 10,000 mails before anything of it comes free again."""


class Reserve:
    """Of one SQLite file."""

    def __init__(self, database: Path, size: int = RESERVE_BYTES) -> None:
        """Nothing is taken yet."""
        self._file = database.with_name(f"{database.name}-reserve")
        self._size = size

    def check(self) -> None:
        """Before new mail is kept. Raises StorageFullError where the room is needed for what is queued."""
        if not self._file.exists():
            self._take()

    def let_go(self) -> bool:
        """Give the room to what has to be written; whether there was any."""
        try:
            self._file.unlink()
        except OSError:
            return False
        _log.critical("the disk is full: the reserve beside the store is used to settle what is queued")
        return True

    def _take(self) -> None:
        """As much must be free once more: else the disk would be full with the next mail."""
        found = os.statvfs(self._file.parent)
        free = found.f_bavail * found.f_frsize
        if free < 2 * self._size:
            raise StorageFullError(f"no new mail is kept: only {free >> 20} MiB are free beside the store")
        try:
            with os.fdopen(os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            self._file.unlink(missing_ok=True)
            raise StorageFullError(
                f"no new mail is kept: no room can be set aside beside the store: {error}"
            ) from error
