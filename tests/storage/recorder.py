"""A process that commits while every write and every sync of SQLite is written down, beneath SQLite itself.

It changes the default VFS of the very library that Python's sqlite3 uses, so nothing of mailover knows of it.
"""

import ctypes
import os
import pickle
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from mailover.storage import database

Op = tuple[str, str, int, bytes]
"""`write` (file, offset, bytes), `truncate` (file, size), `sync` or `lost` (file; it failed), `ack` (what was told)."""

_POINTERS_BEFORE_OPEN = ("next", "name", "data")
_METHODS = 18
_X_WRITE, _X_TRUNCATE, _X_SYNC = 2, 3, 4
_IOERR_FSYNC = 10 | 4 << 8


class _Vfs(ctypes.Structure):
    """The head of struct sqlite3_vfs (https://sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in _POINTERS_BEFORE_OPEN),
        ("open", ctypes.c_void_p),
    )


class _Methods(ctypes.Structure):
    """struct sqlite3_io_methods (https://sqlite.org/c3ref/io_methods.html), its functions in order."""

    _fields_ = (("version", ctypes.c_int), ("functions", ctypes.c_void_p * _METHODS))


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_File), ctypes.c_int, ctypes.c_void_p
)
"""The name stays a pointer: SQLite keeps it to name files beside this one, so it must not become a copy of Python's."""
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class Recorder:
    """Stands between SQLite and its files."""

    def __init__(self, library: ctypes.CDLL, bad: int = 0) -> None:
        """`bad`: of so many syncs one fails."""
        self.ops: list[Op] = []
        self._bad = bad
        self._syncs = 0
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []
        """What C holds on to must not be collected."""
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        vfs = library.sqlite3_vfs_find(None)
        self._open_really = _OPEN(vfs.contents.open)
        opening = _OPEN(self._open)
        self._kept.append(opening)
        vfs.contents.open = ctypes.cast(opening, ctypes.c_void_p)

    def _open(self, vfs: int, name: int | None, file: Any, flags: int, out: int) -> int:
        code = self._open_really(vfs, name, file, flags, out)
        if code == 0 and name:
            self._names[ctypes.addressof(file.contents)] = Path(os.fsdecode(ctypes.string_at(name))).name
            file.contents.methods = ctypes.pointer(self._shadowed(file.contents.methods.contents))
        return code

    def _shadowed(self, real: _Methods) -> _Methods:
        shadow = _Methods.from_buffer_copy(real)
        really_write = _WRITE(real.functions[_X_WRITE])
        really_truncate = _TRUNCATE(real.functions[_X_TRUNCATE])
        really_sync = _SYNC(real.functions[_X_SYNC])

        def write(file: int, data: int, size: int, offset: int) -> int:
            self.ops.append(("write", self._names[file], offset, ctypes.string_at(data, size)))
            return really_write(file, data, size, offset)

        def truncate(file: int, size: int) -> int:
            self.ops.append(("truncate", self._names[file], size, b""))
            return really_truncate(file, size)

        def sync(file: int, flags: int) -> int:
            self._syncs += 1
            if self._bad and self._syncs % self._bad == 0:
                self.ops.append(("lost", self._names[file], 0, b""))
                return _IOERR_FSYNC
            code = really_sync(file, flags)
            self.ops.append(("sync", self._names[file], 0, b""))
            return code

        for place, function in ((_X_WRITE, _WRITE(write)), (_X_TRUNCATE, _TRUNCATE(truncate)), (_X_SYNC, _SYNC(sync))):
            self._kept.append(function)
            shadow.functions[place] = ctypes.cast(function, ctypes.c_void_p).value
        self._kept.append(shadow)
        return shadow


def library() -> ctypes.CDLL | None:
    """The SQLite that this process has loaded; None where it is built into Python."""
    assert sqlite3.sqlite_version
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    found = next((line.split()[-1] for line in lines if "libsqlite3" in line), None)
    return None if found is None else ctypes.CDLL(found)


def record(url: str, synchronous: str, rounds: int, program: str, bad: int) -> list[Op]:
    loaded = library()
    if loaded is None:
        raise SystemExit("SQLite is built into this Python: nothing can be put beneath it")
    recorder = Recorder(loaded, bad)
    database._SQLITE_PRAGMAS += (f"PRAGMA synchronous={synchronous}", "PRAGMA wal_autocheckpoint=40")  # type: ignore[assignment]
    committing = import_module(program)
    committing.tell = lambda word, what: recorder.ops.append(("ack", f"{word} {what}", 0, b""))
    committing.run(url, rounds)
    return recorder.ops


if __name__ == "__main__":
    written = record(sys.argv[1], sys.argv[3], int(sys.argv[4]), sys.argv[5], int(sys.argv[6]))
    Path(sys.argv[2]).write_bytes(pickle.dumps(written))
