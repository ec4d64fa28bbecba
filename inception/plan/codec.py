"""Frozen dataclasses to JSON and back, by their type hints: a report is read back as what it was."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: object) -> str:
    """`value`, a dataclass, as indented JSON."""
    return json.dumps(asdict(value), indent=1) + "\n"  # type: ignore[call-overload]


def from_json(kind: type[T], text: str) -> T:
    """Read back what `to_json` wrote of a `kind`. Raises ValueError if it is something else."""
    try:
        return _decode(kind, json.loads(text))  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def _decode(kind: Any, value: Any) -> Any:  # noqa: ANN401 JSON holds anything
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (real,) = (it for it in get_args(kind) if it is not NoneType)
        decoded = None if value is None else _decode(real, value)
    elif origin is tuple:
        decoded = tuple(_decode(get_args(kind)[0], it) for it in value)
    elif origin is dict:
        decoded = {key: _decode(get_args(kind)[1], it) for key, it in value.items()}
    elif is_dataclass(kind):
        decoded = _decode_fields(kind, value)
    elif issubclass(kind, Enum) or isinstance(value, kind) or (kind is float and type(value) is int):
        decoded = kind(value)
    else:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return decoded


def _decode_fields(kind: Any, value: dict[str, Any]) -> Any:  # noqa: ANN401 whatever dataclass it is
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}
    return kind(**{name: _decode(hints[name], it) for name, it in value.items() if name in known})
