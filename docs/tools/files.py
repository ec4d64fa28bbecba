"""Write the reference of the files that programs read as Markdown, from the types that make them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

Kind = Any
"""A class, or a type expression such as `int | None`."""
_IN_JSON = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null", Any: "any value"}


def described(kind: Kind, prefix: str) -> str:
    """Return a section for `kind` and for each record and enumeration in it, as Markdown.

    `prefix` makes the anchors of one file's sections differ from another's.
    """
    return "\n\n".join(_section(it, prefix) for it in _reachable(kind))


def _reachable(kind: Kind) -> list[Kind]:
    """Return `kind` and all named types below it, each once, in the order in which a reader meets them."""
    found: list[Kind] = []

    def visit(expression: Kind) -> None:
        if get_origin(expression) is not None:
            for argument in get_args(expression):
                visit(argument)
        elif _is_record(expression) and expression not in found:
            found.append(expression)
            for hint in get_type_hints(expression).values():
                visit(hint)
        elif inspect.isclass(expression) and issubclass(expression, Enum) and expression not in found:
            found.append(expression)

    visit(kind)
    return found


def _is_record(kind: Kind) -> bool:
    return inspect.isclass(kind) and (is_dataclass(kind) or is_typeddict(kind))


def _section(kind: Kind, prefix: str) -> str:
    text = inspect.cleandoc(kind.__doc__ or "").replace("<", "\\<")
    rows = _values(kind) if issubclass(kind, Enum) else _fields(kind, prefix)
    return "\n".join([f"({_anchor(kind, prefix)})=", f"### {kind.__name__}", "", text, "", *rows])


def _values(kind: Kind) -> Iterator[str]:
    yield "One of " + ", ".join(f"`{member.value}`" for member in kind) + "."


def _fields(kind: Kind, prefix: str) -> Iterator[str]:
    yield from ("| field | type | default |", "| --- | --- | --- |")
    hints = get_type_hints(kind)
    by_name = {it.name: it for it in fields(kind)} if is_dataclass(kind) else {}
    for name in by_name or hints:
        yield f"| `{name}` | {_type(hints[name], prefix)} | {_default(by_name.get(name))} |"


def _default(field: Field[Any] | None) -> str:
    if field is None or (field.default is MISSING and field.default_factory is MISSING):
        return ""
    factory: Any = field.default_factory
    value: Any = factory() if field.default is MISSING else field.default
    if is_dataclass(value):
        return "empty"
    if isinstance(value, Enum):
        value = value.value
    return f"`{json.dumps(value)}`" if not isinstance(value, str) or not value else f"`{value}`"


def _type(expression: Kind, prefix: str) -> str:
    origin: Kind = get_origin(expression)
    arguments = get_args(expression)
    if origin in (Union, UnionType):
        return _types(arguments, " or ", prefix)
    if origin is Literal:
        return " or ".join(f"`{it}`" for it in arguments)
    if origin in (tuple, list):
        alike = origin is list or arguments[-1] is Ellipsis
        return f"list of {_type(arguments[0], prefix)}" if alike else f"list of {_types(arguments, ' and ', prefix)}"
    if origin is dict:
        return f"object of {_type(arguments[1], prefix)}"
    if expression in _IN_JSON:
        return _IN_JSON[expression]
    return f"[{expression.__name__}](#{_anchor(expression, prefix)})"


def _types(expressions: tuple[Kind, ...], joint: str, prefix: str) -> str:
    return joint.join(_type(it, prefix) for it in expressions)


def _anchor(kind: Kind, prefix: str) -> str:
    return f"{prefix}-{kind.__name__.lower()}"
