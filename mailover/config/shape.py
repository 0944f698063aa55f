"""The shape of the config file, read off the models: which tables and keys there are and which of them are secrets.

It knows keys and kinds, never values.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mailover.config.settings import Settings
from mailover.secrets import Secret

Model = type[BaseModel]
Table = dict[str, Any]
KeyPath = tuple[str | int, ...]
Found = tuple[KeyPath, Model, Table]


def keys(model: Model) -> Mapping[str, FieldInfo]:
    """The keys of a table as the file spells them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def subtable(field: FieldInfo) -> Model | None:
    """The model of a key that is itself a table."""
    return None if is_mapping(field) or is_list(field) else _model(field.annotation)


def named_tables(field: FieldInfo) -> Model | None:
    """The model of a key that holds tables by name, such as `providers`."""
    return _model(get_args(field.annotation)[1]) if is_mapping(field) else None


def listed_tables(field: FieldInfo) -> Model | None:
    """The model of a key that holds a list of tables, such as `peak_hours`."""
    return _model(get_args(field.annotation)[0]) if is_list(field) else None


def is_mapping(field: FieldInfo) -> bool:
    """Whether the key's value is written in braces or as a table of free names."""
    return get_origin(field.annotation) is dict


def is_list(field: FieldInfo) -> bool:
    """Whether the key's value is written in brackets."""
    return get_origin(field.annotation) is tuple


def is_optional(field: FieldInfo) -> bool:
    """Whether the key may be absent and then means nothing, rather than a default."""
    return NoneType in get_args(field.annotation)


def secret_keys(model: Model) -> list[str]:
    """The keys of a table that are secrets; each has a twin that ends in `_file`."""
    return [key for key, field in keys(model).items() if _mentions(field.annotation, Secret)]


def path_keys(model: Model) -> list[str]:
    """The keys of a table that are paths of files."""
    return [key for key, field in keys(model).items() if _mentions(field.annotation, Path)]


def tables(values: Table, model: Model = Settings, path: tuple[str, ...] = ()) -> Iterator[Found]:
    """Every table that is present or has defaults, with its key path and model; what is no table is passed over."""
    yield path, model, values
    for key, field in keys(model).items():
        value = values.get(key, {})
        if not isinstance(value, dict) or (key not in values and is_optional(field)):
            continue
        if table := subtable(field):
            yield from tables(value, table, (*path, key))
        elif named := named_tables(field):
            for name, inner in value.items():
                if isinstance(inner, dict):
                    yield from tables(inner, named, (*path, key, name))


def model_at(path: KeyPath) -> Model | None:
    """The model of the table at this key path."""
    model: Model | None = Settings
    steps = iter(path)
    for step in steps:
        field = keys(model).get(str(step)) if model else None
        if field is None:
            return None
        model = subtable(field)
        if model is None:
            model = named_tables(field) or listed_tables(field)
            next(steps, None)
    return model


def spell(path: KeyPath) -> str:
    """The key path as people write it: `streams.bulk.peak_hours[0].zone`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_key(step)}"
    return text.removeprefix(".")


def variable(path: KeyPath) -> str:
    """The environment variable that overrides the key at this path."""
    return "__".join(("MAILOVER_" + str(path[0]), *map(str, path[1:]))).replace("-", "_").upper()


def _key(step: str) -> str:
    bare = step.replace("-", "").replace("_", "")
    return step if bare.isascii() and bare.isalnum() else '"' + step.encode("unicode_escape").decode() + '"'


def _model(annotation: Any) -> Model | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(kind, wanted) for kind in get_args(annotation))
