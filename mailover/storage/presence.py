"""Whether an SQLite database is still the files that were opened: SQLite itself goes on writing into deleted ones."""

from pathlib import Path

from mailover.errors import StorageError

_Identity = tuple[int, int] | None


class Presence:
    """What was seen of a database's file and of its write-ahead log. Not thread-safe."""

    def __init__(self, file: Path) -> None:
        """Nothing is looked at yet."""
        self._file = file
        self._log_file = Path(f"{file}-wal")
        self._main: _Identity = None
        self._log: _Identity = None

    def note(self) -> None:
        """Remember what is there; called while a connection is open."""
        self._main = self._main or _identity(self._file)
        self._log = _identity(self._log_file)

    def forget(self) -> None:
        """Every connection is closed: what will be opened next is right, whatever it is."""
        self._main = self._log = None

    def check(self) -> None:
        """Raise StorageError when the file is not the one that was opened."""
        found = _identity(self._file)
        if self._main is not None and found != self._main:
            what = "is gone" if found is None else "was replaced by another"
            raise StorageError(f"the store's file {self._file} {what}: put it back, or restart mailover")

    @property
    def log_lost(self) -> bool:
        """Whether the write-ahead log was taken away from under us: its content lives only as long as we do."""
        return self._log is not None and _identity(self._log_file) != self._log


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
