"""Frozen values to plain JSON and back, driven by their type hints alone; no type is named here.

Written for rows that outlive the code: an unknown field is ignored and a missing one takes its default, so that an
upgrade reads what an older version wrote.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, time, timedelta
from enum import Enum, IntEnum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mailover.errors import StorageError

_Value = TypeVar("_Value")
_Turn = Callable[[Any], Any]
_Pair = tuple[_Turn, _Turn]

_compact = json.JSONEncoder(separators=(",", ":")).encode

_AS_IT_IS: _Pair = (lambda value: value, lambda raw: raw)
_LEAVES: Mapping[Any, _Pair] = {
    object: _AS_IT_IS,
    Any: _AS_IT_IS,
    str: _AS_IT_IS,
    int: _AS_IT_IS,
    bool: _AS_IT_IS,
    float: (lambda value: value, float),
    datetime: (datetime.isoformat, datetime.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (timedelta.total_seconds, lambda raw: timedelta(seconds=raw)),
}


def dumps(value: object) -> str:
    """A value as one line of JSON, in ASCII."""
    encode, _ = _pair(type(value))
    return _compact(encode(value))


def loads(kind: type[_Value], text: str) -> _Value:
    """The value again. Raises StorageError when the text is no value of this kind."""
    _, decode = _pair(kind)
    try:
        value: _Value = decode(json.loads(text))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StorageError(f"a stored {kind.__name__} cannot be read: {type(error).__name__}: {error}") from error
    return value


def _make(hint: Any) -> _Pair:
    """How a type is written and read."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType} and len(arguments) == 2 and types.NoneType in arguments:  # noqa: PLR2004 - X | None
        return _optional(next(a for a in arguments if a is not types.NoneType))
    if origin is tuple:
        return _tuple(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*arguments)
    raise TypeError(f"no JSON is known for {hint!r}")


_pair: Callable[[Any], _Pair] = cache(_make)


def _enum(hint: type[Enum]) -> _Pair:
    """By value, which is a contract word; numbers mean nothing to a reader, so IntEnum goes by name."""
    if issubclass(hint, IntEnum):
        return (lambda value: value.name, lambda raw: hint[raw])
    return (lambda value: value.value, hint)


def _optional(hint: Any) -> _Pair:
    encode, decode = _pair(hint)
    return (
        lambda value: None if value is None else encode(value),
        lambda raw: None if raw is None else decode(raw),
    )


def _tuple(arguments: tuple[Any, ...]) -> _Pair:
    if arguments[-1] is Ellipsis:
        encode, decode = _pair(arguments[0])
        return (lambda value: [encode(v) for v in value], lambda raw: tuple(decode(r) for r in raw))
    pairs = [_pair(argument) for argument in arguments]
    return (
        lambda value: [encode(v) for (encode, _), v in zip(pairs, value, strict=True)],
        lambda raw: tuple(decode(r) for (_, decode), r in zip(pairs, raw, strict=True)),
    )


def _mapping(key: Any, item: Any) -> _Pair:
    encode_key, decode_key = _pair(key)
    encode, decode = _pair(item)
    return (
        lambda value: {encode_key(k): encode(v) for k, v in value.items()},
        lambda raw: {decode_key(k): decode(r) for k, r in raw.items()},
    )


def _dataclass(hint: type[Any]) -> _Pair:
    hints = get_type_hints(hint)
    members: list[tuple[Field[Any], _Turn, _Turn]] = [(f, *_pair(hints[f.name])) for f in fields(hint) if f.init]
    turns = [(field.name, field.default, write) for field, write, _ in members]

    def encode(value: Any) -> dict[str, Any]:
        """Nothing is left out but None where None is the default: most fields of most rows are."""
        written: dict[str, Any] = {}
        for name, default, write in turns:
            member = getattr(value, name)
            if member is not None or default is not None:
                written[name] = write(member)
        return written

    def decode(raw: Any) -> Any:
        given: dict[str, Any] = {}
        for field, _, read in members:
            if field.name in raw:
                given[field.name] = read(raw[field.name])
            elif field.default is MISSING and field.default_factory is MISSING:
                raise LookupError(f"field {field.name} is missing")
        return hint(**given)

    return encode, decode
