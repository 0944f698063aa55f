"""A damaged SQLite file goes aside and a new one begins: an agent without memory is better than no agent.

Until all that can be read is copied into the new one, a mark beside it says so. A start that finds the mark does it all
again: what was copied by half is no store. What is copied is `salvage`'s business.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from mailover.errors import StorageError
from mailover.storage.database import Database

_log = logging.getLogger("mailover.storage")

_PARTS = ("-wal", "-shm", "")
"""The file itself last: while it is in its place nothing else can begin there."""


@contextmanager
def set_aside_if_damaged(database: Database) -> Iterator[Path | None]:
    """Where the damaged file is, for the block to save from it what it can; None when nothing has to be saved.

    Raises StorageError when it cannot be moved, and while another process is saving.
    """
    file = database.file
    database.create_file()
    if file is None or not (mark_of(file).exists() or database.damaged()):
        yield None
        return
    with _alone(mark_of(file)) as held:
        try:
            aside = _moved(database, file, held)
        except OSError as error:
            raise StorageError(f"the damaged store could not be set aside: {error}") from error
        database.aside = aside
        yield aside
        mark_of(file).unlink()


def mark_of(file: Path) -> Path:
    """Beside a store that is not whole yet: the name of the damaged one."""
    return file.with_name(f"{file.name}.salvaging")


@contextmanager
def _alone(mark: Path) -> Iterator[TextIO]:
    """The mark, which nobody else holds: not even a command that only looks into the store."""
    with mark.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError("another process is saving what it can from the damaged store; wait for it") from None
        yield held


def _moved(database: Database, file: Path, held: TextIO) -> Path | None:
    held.seek(0)
    said = held.read()
    if not said.endswith("\n") and not database.damaged():  # somebody else was done with it a moment ago
        return None
    database.close()
    if not said.endswith("\n"):
        said = f"{file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}\n"
        held.truncate(0)
        held.write(said)
        held.flush()
        os.fsync(held.fileno())
    aside = file.with_name(said.strip())
    _log.critical("the store %s is damaged: it is set aside as %s, and a new one begins", file, aside.name)
    for suffix in _PARTS:
        part = Path(f"{file}{suffix}")
        if aside.exists():  # what is here is a new one that was never whole
            part.unlink(missing_ok=True)
        elif part.exists():
            part.rename(f"{aside}{suffix}")
    return aside
