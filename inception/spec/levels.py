"""Turn the tables of `levels` in a spec file into values of options that hold for some levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any

from inception.plan.light_dataclasses import dataclass
from inception.plan.request import is_name
from inception.plan.tree import Place
from inception.spec.places import KeyPath

_OPTIONS = {
    "image": ("level_images", "="),
    "image-store": ("image_store", "="),
    "runtime": ("runtimes", "="),
    "dockerd": ("dockerd", ":"),
    "daemon-json": ("daemon_json", ":"),
    "mount": ("mounts", "="),
    "memory": ("memory", ":"),
    "cpus": ("cpus", ":"),
    "pids": ("pids", ":"),
    "shm-size": ("shm_size", ":"),
}
"""The parameter for each key of a level, and what separates the levels from the value in the option."""


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value in a file: the parameter of a command that it is for, and its place. Values of a list are added up."""

    parameter: str
    value: Any
    path: KeyPath


class WrongTable(ValueError):
    """Error: the value of `key` in table `position` of `levels` cannot be."""

    def __init__(self, problem: str, remedy: str, position: int, key: str) -> None:
        super().__init__(problem)
        self.remedy = remedy
        self.path: KeyPath = ("levels", position, key)


@dataclass(frozen=True, kw_only=True)
class LevelTable:
    """A table of `levels` and the levels that it stands for; level `above` is above the first of them."""

    position: int
    keys: Mapping[str, Any]
    first: int
    above: int
    label: str

    @property
    def last(self) -> int:
        """The deepest of its levels."""
        return self.first + int(self.keys.get("depth", 1)) - 1

    @property
    def range(self) -> str:
        """The levels as an option has them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def places(self) -> Iterator[Place]:
        """Yield the place of each of its levels."""
        yield Place(above=self.above, label=self.label)
        for number in range(self.first, self.last):
            yield Place(above=number)


def place_levels(tables: Sequence[Mapping[str, Any]]) -> tuple[LevelTable, ...]:
    """Return each of `tables` with its levels, the outermost first. Raises WrongTable.

    They lie below those of the table before, or of the nearest before that has the name of their `parent`. What is
    below a level follows it, whatever the order of the tables.
    """
    children = _children(tables)
    placed: list[LevelTable] = []
    waiting = [(it, 0, label, frozenset[str]()) for it, label in _labelled(tables, children.get(-1, ()), frozenset())]
    while waiting:
        position, above, label, names_above = waiting.pop()
        first = placed[-1].last + 1 if placed else 1
        table = LevelTable(position=position, keys=tables[position], first=first, above=above, label=label)
        placed.append(table)
        names = names_above | {label}
        below = _labelled(tables, children.get(position, ()), names)
        waiting += [(child, table.last, its_label, names) for child, its_label in reversed(below)]
    return tuple(placed)


def _children(tables: Sequence[Mapping[str, Any]]) -> dict[int, list[int]]:
    """Return the positions of the tables directly below each, the first one below -1. Raises WrongTable."""
    named: dict[str, int] = {}
    children: dict[int, list[int]] = {}
    for position, keys in enumerate(tables):
        wanted = keys.get("parent")
        if wanted is not None and wanted not in named:
            known = f"name one of {', '.join(named)}" if named else "give the table above a name"
            raise WrongTable(f"no table before this one has the name {wanted!r}", known, position, "parent")
        children.setdefault(position - 1 if wanted is None else named[wanted], []).append(position)
        if (name := keys.get("name")) is not None:
            if not is_name(name) or name.isdecimal():
                remedy = "use lower-case letters, digits and inner hyphens, and not digits alone"
                raise WrongTable(f"{name!r} cannot name a level", remedy, position, "name")
            named[name] = position
    return children


def _labelled(
    tables: Sequence[Mapping[str, Any]], siblings: Sequence[int], above: frozenset[str]
) -> list[tuple[int, str]]:
    """Return each of `siblings` with its label: its name, else a letter that is free, and nothing for an only child.

    Raises WrongTable for a name that a sibling or one of the levels `above` has.
    """
    taken = set(above)
    for position in siblings:
        if (name := tables[position].get("name")) in taken and name is not None:
            remedy = "give each one of its own"
            raise WrongTable(f"{name} is the name of a sibling or of a level above, too", remedy, position, "name")
        taken.add(name or "")
    free = (it for it in chain(_LETTERS, map("x{}".format, count(1))) if it not in taken)
    return [
        (position, str(tables[position].get("name") or (next(free) if len(siblings) > 1 else "")))
        for position in siblings
    ]


def level_settings(tables: Sequence[LevelTable]) -> Iterator[Setting]:
    """Yield what the keys of `tables` set, as options do for some levels."""
    for table in tables:
        for key, value in table.keys.items():
            path: KeyPath = ("levels", table.position, key)
            if key in _OPTIONS:
                parameter, separator = _OPTIONS[key]
                values = [f"{table.range}{separator}{it}" for it in listed(value)]
                yield Setting(parameter=parameter, value=values, path=path)
            elif key == "forward":
                yield Setting(parameter="forward", value=[f"{table.last}={it}" for it in listed(value)], path=path)


def listed(value: Any) -> list[str]:  # noqa: ANN401 parsed TOML
    """Return the texts of a value that may be one or a list of them."""
    return [str(it) for it in (value if isinstance(value, list) else [value])]
