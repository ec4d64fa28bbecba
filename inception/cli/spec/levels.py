"""Turn the tables of `levels` in a spec file into values of options that hold for some levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inception.cli.spec.places import KeyPath
from inception.plan.request import is_name
from inception.plan.tree import Place

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

    They lie below those of the table before, or of the one that is named as their `parent`. What is below a level
    follows it, whatever the order of the tables.
    """
    parents = _parents(tables)
    placed: list[LevelTable] = []

    def place(position: int, above: int) -> None:
        first = placed[-1].last + 1 if placed else 1
        label = _label(tables, parents, position)
        table = LevelTable(position=position, keys=tables[position], first=first, above=above, label=label)
        placed.append(table)
        for child in (it for it, parent in enumerate(parents) if parent == position):
            place(child, table.last)

    if tables:
        place(0, 0)
    return tuple(placed)


def _parents(tables: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the position of each table's parent; that of the first is -1. Raises WrongTable."""
    named: dict[str, int] = {}
    parents = []
    for position, keys in enumerate(tables):
        wanted = keys.get("parent")
        if wanted is not None and wanted not in named:
            known = f"name one of {', '.join(named)}" if named else "give the table above a name"
            raise WrongTable(f"no table before this one has the name {wanted!r}", known, position, "parent")
        parents.append(position - 1 if wanted is None else named[wanted])
        if (name := keys.get("name")) is not None:
            if not is_name(name) or name.isdecimal():
                remedy = "use lower-case letters, digits and inner hyphens, and not digits alone"
                raise WrongTable(f"{name!r} cannot name a level", remedy, position, "name")
            if name in named:
                raise WrongTable(f"two tables have the name {name}", "give each one of its own", position, "name")
            named[name] = position
    return parents


def _label(tables: Sequence[Mapping[str, Any]], parents: Sequence[int], position: int) -> str:
    """Return the name of a table; without one, a letter among siblings, and nothing for an only child."""
    siblings = [it for it, parent in enumerate(parents) if parent == parents[position]]
    if (name := tables[position].get("name")) is not None or len(siblings) == 1:
        return str(name or "")
    index = siblings.index(position)
    letter = _LETTERS[index] if index < len(_LETTERS) else f"{_LETTERS[-1]}{index}"
    taken = {tables[it].get("name") for it in siblings}
    return f"{letter}-{index}" if letter in taken else letter


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
