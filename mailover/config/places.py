"""Where a key was said: the line of the config file, or the variable. It names places and never a value."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailover.config.shape import KeyPath, Table, variable

_NOWHERE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Of one config. Without a file, and without overrides, everything is said nowhere."""

    file: Path | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    overrides: Table = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the closest table around it; 0 when there is none, or a variable says it."""
        if self._override(path):
            return _NOWHERE
        around = (path[:end] for end in range(len(path), 0, -1))
        return next((self.lines[each] for each in around if each in self.lines), _NOWHERE)

    def tell(self, path: KeyPath) -> str:
        """The end of a sentence about the key: "(config.toml:12)", or the variable's name; empty when said nowhere."""
        if override := self._override(path):
            return f" (${override})"
        line = self.line(path)
        return f" ({self.file}:{line})" if line else ""

    def _override(self, path: KeyPath) -> str | None:
        """The variable that sets the key, or the whole that it is a part of."""
        values: Any = self.overrides
        for end, step in enumerate(path, 1):
            if not isinstance(values, dict) or step not in values:
                return None
            values = values[step]
            if not isinstance(values, dict):
                return variable(path[:end])
        return None


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line on which each key and each table of a valid TOML document is first said, counted from 1."""
    found: dict[KeyPath, int] = {}
    lengths: Counter[KeyPath] = Counter()
    table: KeyPath = ()
    for line, is_header, said in _statements(text):
        if is_header:
            table = _opened(said, lengths)
        for path in [table] if is_header else _leaves(said, table):
            for end in range(1, len(path) + 1):
                found.setdefault(path[:end], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, bool, Table]]:
    """Each statement by itself: the line it begins on, whether it opens a table, and what it says.

    The parser tells where one ends: as long as a value is open, what is there so far is no TOML.
    """
    pending, begun = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        pending += f"{line}\n"
        try:
            said = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        yield begun, pending.lstrip().startswith("["), said
        pending, begun = "", number + 1


def _opened(said: Table, lengths: Counter[KeyPath]) -> KeyPath:
    """The path of the table that a header opens; `lengths` of the lists of tables so far, and of this one after."""
    path: KeyPath = ()
    inner: Any = said
    while isinstance(inner, dict) and inner:
        [(key, inner)] = inner.items()
        path = (*path, key)
        if isinstance(inner, list):
            lengths[path] += 1
        if path in lengths:
            path = (*path, lengths[path] - 1)
    return path


def _leaves(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """The paths of what a statement sets, inside inline tables too."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path
