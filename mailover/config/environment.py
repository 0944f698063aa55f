"""Environment variables that override single keys: `MAILOVER_SERVER__LISTEN` is `server.listen`.

It reads a mapping that it is given, never the process.
"""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo

from mailover.config.problems import Problem
from mailover.config.settings import Settings
from mailover.config.shape import KeyPath, Model, Table, is_list, is_mapping, keys, named_tables, subtable, variable

PREFIX = "MAILOVER_"
# What overrides no key: the command line's own, the tests', what hooks and flag files hand out; and what Docker links
# and Kubernetes set by themselves.
_EXEMPT = re.compile(
    r"MAILOVER_(CONFIG|URL|TOKEN|TEST_.*|EVENT(_.*)?|FLAG_.*|PORT|PORT_\d+_.*|SERVICE_(HOST|PORT)(_.*)?)"
)


def read_environment(env: Mapping[str, str]) -> tuple[Table, list[Problem]]:
    """The overrides among these variables, and a problem for each that is meant for mailover but names no key."""
    values: Table = {}
    problems: list[Problem] = []
    for name in sorted(env):
        if not name.startswith(PREFIX) or _EXEMPT.fullmatch(name):
            continue
        found = _find(Settings, name.removeprefix(PREFIX).lower().split("__"))
        if found is None:
            problems.append(Problem(path=(name,), says=f"unknown variable; {_cure(name)}"))
            continue
        path, field = found
        try:
            put(values, path, _decode(env[name], field))
        except ValueError as exc:
            problems.append(Problem(path=(name,), says=str(exc)))
    return values, problems


def put(values: Table, path: KeyPath, value: Any) -> None:
    """Set one key, making the tables on its way."""
    *outer, last = (str(step) for step in path)
    for step in outer:
        inner = values.setdefault(step, {})
        if not isinstance(inner, dict):
            raise ValueError(f"cannot be set, because {step} is set as a whole")  # noqa: TRY004 - a value of the operator's
        values = inner
    values[last] = value


def _find(model: Model, segments: list[str]) -> tuple[KeyPath, FieldInfo | None] | None:
    """The key path these words lead to, and its field; None for a single entry of a free table such as weights."""
    head, *rest = segments
    field = keys(model).get(head)
    if field is None:
        return None
    table, named = subtable(field), named_tables(field)
    if named and len(rest) > 1:
        found = _find(named, rest[1:])
        return ((head, _name(rest[0]), *found[0]), found[1]) if found else None
    if table and rest:
        found = _find(table, rest)
        return ((head, *found[0]), found[1]) if found else None
    if table or named:
        return None
    if is_mapping(field) and len(rest) == 1:
        return (head, _name(rest[0])), None
    return ((head,), field) if not rest else None


def _name(segment: str) -> str:
    """Shells allow no hyphen in a variable and names have no underscore, so one stands for the other."""
    return segment.replace("_", "-")


def _decode(text: str, field: FieldInfo | None) -> Any:
    if field is None or not (is_mapping(field) or is_list(field)):
        return text
    if is_list(field) and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError('must be JSON, such as ["a", "b"] or {"a": 1}') from None


def _cure(name: str) -> str:
    """The variable that was likely meant, with the names of tables as `name` has them; or how they are made."""
    word = name.removeprefix(PREFIX)
    segments = word.lower().split("__")
    table = segments[1] if len(segments) > 1 else "name"
    known = [variable(path).removeprefix(PREFIX) for path in _leaves(Settings, table)]
    close = get_close_matches(word, known, n=1, cutoff=0.75)
    return f"did you mean {PREFIX}{close[0]}?" if close else "a table and a key are joined by two underscores"


def _leaves(model: Model, table: str) -> list[KeyPath]:
    leaves: list[KeyPath] = []
    for key, field in keys(model).items():
        inner, named = subtable(field), named_tables(field)
        if named:
            leaves += [(key, table, *rest) for rest in _leaves(named, table)]
        elif inner:
            leaves += [(key, *rest) for rest in _leaves(inner, table)]
        else:
            leaves.append((key,))
    return leaves
