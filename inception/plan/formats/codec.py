"""Frozen dataclasses to JSON and back, by their type hints.

Known are dataclasses, enums, `X | None`, `tuple[X, ...]`, and JSON's own str, int, float and bool.
A field missing in the JSON takes its default; a field that the class lacks is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from inception.plan.light_dataclasses import MISSING, defaults_of

T = TypeVar("T")
Json = Any
"""Parsed JSON, or what becomes some."""
Kind = Any
"""A class, or a type expression such as `int | None`."""
_SHOWN = 80
"""Characters of a wrong value that an error message shows."""
Decoder = Callable[[Json], Any]


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return `value` as JSON, its last newline included: with `indent` spaces a level, or on one line."""
    return json.dumps(encode(value), indent=indent) + "\n"


def to_line(value: object) -> str:
    """Return `value` as one line of JSON, its newline included, without the fields that have their default."""
    return json.dumps(_encode_changed(value), separators=(",", ":")) + "\n"


def from_json(kind: type[T], text: str) -> T:
    """Return the `kind` that `text` is the JSON of. Raises ValueError that names the wrong field."""
    try:
        value = parse(text)
    except ValueError as error:
        raise ValueError(f"invalid {_name(kind)}: {error}") from error
    return decode(kind, value)


def parse(text: str) -> Json:
    """Return the parsed JSON `text`. Raises ValueError, also for one that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode(kind: type[T], value: object) -> T:
    """Return the `kind` that `value`, parsed JSON, stands for. Raises ValueError that names the wrong field."""
    expression: Kind = kind
    try:
        decoded: T = _decoder(expression)(value)
    except _WrongField as error:
        raise ValueError(f"invalid {_name(kind)}: {error}") from error
    return decoded


def _name(kind: object) -> str:
    return str(getattr(kind, "__name__", kind))


def encode(value: Json) -> Json:
    """Return `value` in what JSON has: dicts, lists, strings, numbers, booleans and None."""
    if (defaults := defaults_of(type(value))) is not None:
        return {name: encode(getattr(value, name)) for name in defaults}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _encode_changed(value: Json) -> dict[str, Json]:
    items = ((name, default, getattr(value, name)) for name, default in (defaults_of(type(value)) or {}).items())
    return {name: encode(item) for name, default, item in items if item != default}


class _WrongField(ValueError):
    """A value that its field cannot have. `path` leads to it from the outermost value: `.levels[3].number`."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path.removeprefix('.')}: {problem}" if path else problem)
        self.problem = problem
        self.path = path

    def inside(self, step: str) -> _WrongField:
        """Return this error as its container sees it, `step` being the way to the value."""
        return _WrongField(self.problem, step + self.path)


@cache
def _decoder(kind: Kind) -> Decoder:
    """Return the function that makes a `kind` of parsed JSON. Cached, since type hints are slow to read."""
    origin: Kind = get_origin(kind)
    arguments = get_args(kind)
    if origin in (Union, UnionType):
        return _optional(*(it for it in arguments if it is not NoneType))
    if origin is tuple:
        return _sequence(_decoder(arguments[0]))
    if defaults_of(kind) is not None:
        return _record(kind)
    return _enumeration(kind) if issubclass(kind, Enum) else _plain(kind)


def _optional(kind: Kind) -> Decoder:
    some = _decoder(kind)
    return lambda value: None if value is None else some(value)


def _sequence(item: Decoder) -> Decoder:
    def decode(value: Json) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _WrongField(f"{_shortened(value)} is not a list")
        decoded: list[Any] = []
        try:
            for each in value:
                decoded.append(item(each))  # noqa: PERF401 (its length tells which one is wrong)
        except _WrongField as error:
            raise error.inside(f"[{len(decoded)}]") from None
        return tuple(decoded)

    return decode


def _enumeration(kind: type[Enum]) -> Decoder:
    members = {member.value: member for member in kind}

    def decode(value: Json) -> Enum:
        try:
            return members[value]
        except (KeyError, TypeError):
            raise _WrongField(f"{_shortened(value)} is not a {kind.__name__}") from None

    return decode


def _plain(kind: type) -> Decoder:
    # Python writes a whole float as 2.0, other programs as 2.
    accepted = (float, int) if kind is float else (kind,)

    def decode(value: Json) -> object:
        # By exact type: a bool is an int to isinstance.
        if type(value) in accepted and (kind is not float or _is_finite(value)):
            return kind(value)
        raise _WrongField(f"{_shortened(value)} is not a {kind.__name__}")

    return decode


def _is_finite(value: float) -> bool:
    """Return whether arithmetic can be done with `value`: JSON allows 1e999, and integers beyond any float."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _shortened(value: Json) -> str:
    """Return `value` for an error message of one line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _record(kind: Kind) -> Decoder:
    hints = get_type_hints(kind)
    defaults = defaults_of(kind) or {}
    decoders = {name: _decoder(hints[name]) for name in defaults}
    needed = {name for name, default in defaults.items() if default is MISSING}

    def decode(value: Json) -> object:
        if type(value) is not dict:
            raise _WrongField(f"{_shortened(value)} is not an object")
        name = ""
        decoded: dict[str, Any] = {}
        try:
            for name, item in value.items():
                decoded[name] = decoders[name](item)
        except _WrongField as error:
            raise error.inside(f".{name}") from None
        except KeyError:
            raise _WrongField("no such field", f".{name}") from None
        if not needed <= decoded.keys():
            raise _WrongField("missing", f".{min(needed - decoded.keys())}")
        return kind(**decoded)

    return decode
