"""Secrets in files: how one is read, and that it is not given twice. Which file it is, is decided in `origins`."""

from collections.abc import Iterator
from pathlib import Path

from mailover.config.problems import Problem
from mailover.config.shape import Table, secret_keys, tables

_LARGEST = 64 * 1024


def read_secret(path: Path) -> str:
    """The content of the file without the line end that editors add; raises ValueError with what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as exc:
        raise ValueError(f"cannot be read: {exc.strerror or type(exc).__name__}") from None
    if len(content) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST // 1024} KiB; is it the right file?")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text:
        raise ValueError("is an empty file")
    return text


def given_twice(values: Table) -> Iterator[Problem]:
    """A problem for each secret that one origin gives both inline and by file."""
    for path, model, table in tables(values):
        for key in secret_keys(model):
            if key in table and f"{key}_file" in table:
                yield Problem(path=(*path, key), says=f"is given, and so is {key}_file; keep one of them")


def drop_overridden(document: Table, environment: Table) -> None:
    """Take out of the document each form of a secret whose other form the environment gives."""
    overrides = {path: table for path, _, table in tables(environment)}
    for path, model, table in tables(document):
        for key in secret_keys(model):
            for form, other in ((key, f"{key}_file"), (f"{key}_file", key)):
                if form in overrides.get(path, {}):
                    table.pop(other, None)
