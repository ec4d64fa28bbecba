"""Frozen, keyword-only dataclasses whose methods are shared by all of them.

`dataclasses` generates and compiles methods for each class, at each start of a program: 0.6 ms a class here, which is
half of what a level's runner imports, and every level waits for that. To a type checker these are its dataclasses, and
`dataclasses.fields`, `replace` and `asdict` take them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from dataclasses import Field, dataclass, replace
    from inspect import Signature

__all__ = ["MISSING", "dataclass", "defaults_of", "replace"]

T = TypeVar("T")
Record = Any
"""An instance of one of these classes."""
MISSING: Final = object()
"""Stands for the default of a field that has none."""
_USUAL_TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "str | None": str | None,
    "int | None": int | None,
    "float | None": float | None,
    "tuple[str, ...]": tuple[str, ...],
}
"""Types by their text: those of most fields, which `typing.get_type_hints` has not to compile then."""


def defaults_of(kind: type) -> Mapping[str, object] | None:
    """Return the default of each field of `kind`, in their order; None if `kind` is not one of these classes."""
    defaults: Mapping[str, object] | None = kind.__dict__.get("_defaults")
    return defaults


def _init(self: Record, /, **values: object) -> None:
    defaults = type(self)._defaults  # noqa: SLF001 (ours: it is a method of the class)
    if values.keys() != defaults.keys():
        values = _completed(type(self), values)
    self.__dict__.update(values)


def _completed(kind: type, values: dict[str, object]) -> dict[str, object]:
    """Return `values` with the defaults of the fields that it lacks. Raises TypeError."""
    defaults = defaults_of(kind) or {}
    if unknown := values.keys() - defaults.keys():
        raise TypeError(f"{kind.__name__} has no field {min(unknown)!r}")
    whole = {**defaults, **values}
    if missing := [name for name, value in whole.items() if value is MISSING]:
        raise TypeError(f"{kind.__name__} lacks a value for {missing[0]!r}")
    return whole


def _values(record: Record) -> tuple[object, ...]:
    # There can be more in it: what a `cached_property` keeps.
    own = record.__dict__
    return tuple(own[name] for name in type(record)._defaults)  # noqa: SLF001 (ours)


def _equal(self: Record, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Record) -> int:
    return hash(_values(self))


def _repr(self: Record) -> str:
    shown = (f"{name}={value!r}" for name, value in zip(type(self)._defaults, _values(self), strict=True))  # noqa: SLF001 (ours)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_change(self: Record, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r} of a {type(self).__name__}")


class _FieldsForDataclasses:
    """Makes a class's `__dataclass_fields__`, which the functions of `dataclasses` read, when they first do."""

    def __get__(self, record: Record, kind: type) -> dict[str, Field[Any]]:
        from dataclasses import field, make_dataclass

        defaults = defaults_of(kind) or {}
        twin = make_dataclass(
            kind.__name__,
            [(name, Any, field() if it is MISSING else field(default=it)) for name, it in defaults.items()],
            kw_only=True,
        )
        fields: dict[str, Field[Any]] = vars(twin)["__dataclass_fields__"]
        kind.__dataclass_fields__ = fields  # type: ignore[attr-defined]
        return fields


class _Signature:
    """Makes a class's `__signature__`, which `inspect.signature` and so `help` read."""

    def __get__(self, record: Record, kind: type) -> Signature:
        from inspect import Parameter, Signature

        hints = kind.__annotations__
        parameters = [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if default is MISSING else default,
                annotation=hints[name],
            )
            for name, default in (defaults_of(kind) or {}).items()
        ]
        return Signature(parameters)


_SHARED = {
    "__init__": _init,
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _refuse_change,
    "__delattr__": _refuse_change,
    "__dataclass_fields__": _FieldsForDataclasses(),
    "__signature__": _Signature(),
}

if not TYPE_CHECKING:

    def dataclass(*, frozen: bool, kw_only: bool) -> Callable[[type[T]], type[T]]:
        """Return a decorator that makes a class such a dataclass. Both must be true: there are no others here."""
        if not (frozen and kw_only):
            raise TypeError("these dataclasses are frozen and keyword-only: use those of `dataclasses`")
        return _as_dataclass

    def replace(record: T, /, **changes: object) -> T:
        """Return `record` with other values in some fields. Raises TypeError for a field that it does not have.

        It takes records of the standard library's dataclasses, too: a type checker cannot tell the two apart.
        """
        defaults = defaults_of(type(record))
        if defaults is None:
            from dataclasses import replace as replace_standard

            return replace_standard(record, **changes)
        own = {name: getattr(record, name) for name in defaults}
        return type(record)(**{**own, **changes})


def _as_dataclass(kind: type[T]) -> type[T]:
    own, hints = kind.__dict__, kind.__annotations__
    defaults = {name: own.get(name, MISSING) for name in hints}
    hints.update({name: _USUAL_TYPES[hint] for name, hint in hints.items() if hint in _USUAL_TYPES})
    for name, value in _SHARED.items():
        setattr(kind, name, value)
    kind._defaults = defaults  # type: ignore[attr-defined] # noqa: SLF001 (ours)
    return kind
