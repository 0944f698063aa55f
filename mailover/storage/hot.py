"""Statements that are run thousands of times a second: compiled once, then handed to the driver with all their rows.

SQLAlchemy's own way to the driver costs several times what the database's work does. Everything else takes that way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import UpdateBase

_Values = Mapping[str, Any]
_Turn = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    text: str
    named: bool
    """Whether the driver takes values by name, not by place."""
    turns: tuple[tuple[str, _Turn | None], ...]
    """How each value is written, in order."""

    def prepared(self, values: _Values) -> Any:
        if self.named:
            return {name: values[name] if turn is None else turn(values[name]) for name, turn in self.turns}
        return [values[name] if turn is None else turn(values[name]) for name, turn in self.turns]


class HotStatement:
    """An insert, update or delete whose values all come from rows."""

    def __init__(self, made: Callable[[sa.Dialect], UpdateBase], names: Sequence[str]) -> None:
        """`names` are the keys of each row."""
        self._compiled = cache(lambda dialect: _compile(made(dialect), dialect, names))

    def run(self, connection: sa.Connection, rows: Sequence[_Values]) -> int:
        """How many rows were touched."""
        if not rows:
            return 0
        dialect = connection.dialect
        compiled = self._compiled(dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(compiled.text, [compiled.prepared(row) for row in rows])
            touched: int = cursor.rowcount
        except dialect.loaded_dbapi.Error as error:
            raise sa.exc.DBAPIError.instance(
                compiled.text, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
            ) from error
        finally:
            cursor.close()
        return touched


def _compile(statement: UpdateBase, dialect: sa.Dialect, names: Sequence[str]) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    types = {name: bind.type for name, bind in compiled.binds.items()}
    order = names if compiled.positiontup is None else compiled.positiontup
    return _Compiled(
        text=compiled.string,
        named=compiled.positiontup is None,
        turns=tuple((name, types[name].dialect_impl(dialect).bind_processor(dialect)) for name in order),
    )
