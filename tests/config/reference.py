"""The reference tables of docs/configuration.md, made from the models; run as a script it writes them anew."""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from mailover.config.settings import Settings
from mailover.config.shape import (
    Model,
    is_list,
    is_mapping,
    is_optional,
    keys,
    listed_tables,
    named_tables,
    secret_keys,
    subtable,
)
from mailover.config.showing import _plain, _value

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
_MARKS = "<!-- the tables below are made by tests/config/reference.py -->"
_KINDS = {"int": "whole number", "float": "number", "bool": "true or false", "timedelta": "duration", "time": "time"}


def reference() -> str:
    """Every table of the config file, every key once."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_section("", Settings))).strip()


def documented() -> str:
    """What stands in the document."""
    return DOCUMENT.read_text(encoding="utf-8").partition(_MARKS)[2].strip()


def every_key(model: Model = Settings, table: str = "") -> Iterator[tuple[str, str]]:
    """Each table as the example spells it, a free name as `*`, with each of its keys."""
    for key, field in keys(model).items():
        if inner := subtable(field):
            yield from every_key(inner, f"{table}.{key}".strip("."))
        elif named := named_tables(field):
            yield from every_key(named, f"{table}.{key}.*".strip("."))
        elif listed := listed_tables(field):
            yield from every_key(listed, f"{table}.{key}")
        else:
            yield table, key


def _section(table: str, model: Model) -> Iterator[str]:
    inner: list[tuple[str, Model, FieldInfo]] = []
    rows = []
    for key, field in keys(model).items():
        named, listed, sub = named_tables(field), listed_tables(field), subtable(field)
        path = f"{table}.{key}".strip(".")
        if sub:
            inner.append((path, sub, field))
        elif named:
            inner.append((f"{path}.NAME", named, field))
        elif listed:
            inner.append((f"[{path}]", listed, field))
        else:
            secret = key in secret_keys(model)
            rows.append(f"| `{key}` | {_kind(field, secret=secret)} | {_default(field)} | {field.description} |")
    if rows:
        yield from ("| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows, "")
    for path, sub, field in inner:
        yield from (f"### `[{path}]`", "", str(field.description or sub.__doc__), "")
        yield from _section(path, sub)


def _kind(field: FieldInfo, *, secret: bool) -> str:
    if secret:
        return "secret"
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)] or [field.annotation]
    kind: Any = kinds[0]
    if is_mapping(field):
        return "table of numbers" if get_args(field.annotation)[1] is float else "table of texts"
    while get_args(kind):
        kind = get_args(kind)[0]
    words = " ".join(f"`{word.value}`" for word in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ""
    if "failover.happened" in words:
        words = "event types"
    words = words or _KINDS.get(kind.__name__, {"Address": "host:port", "Path": "path"}.get(kind.__name__, "text"))
    return f"list of {words}" if is_list(field) else words


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if is_optional(field):
        return ""
    default = field.get_default(call_default_factory=True)
    if str(default) == "***":
        default = default.reveal()
    return f"`{_value(_plain(default))}`"


if __name__ == "__main__":
    prose = DOCUMENT.read_text(encoding="utf-8").partition(_MARKS)[0]
    DOCUMENT.write_text(
        re.sub(r"\n{3,}", "\n\n", f"{prose}{_MARKS}\n\n{reference()}").rstrip() + "\n", encoding="utf-8"
    )
