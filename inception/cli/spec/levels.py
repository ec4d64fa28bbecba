"""Turn the tables of `levels` in a spec file into values of options that hold for some levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inception.cli.spec.places import Path

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


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value in a file: the parameter of a command that it is for, and its place. Values of a list are added up."""

    parameter: str
    value: Any
    path: Path


@dataclass(frozen=True, kw_only=True)
class LevelTable:
    """A table of `levels` and the levels that it stands for."""

    position: int
    keys: Mapping[str, Any]
    first: int
    last: int

    @property
    def range(self) -> str:
        """The levels as an option has them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def place_levels(tables: Sequence[Mapping[str, Any]]) -> tuple[LevelTable, ...]:
    """Return each of `tables` with its levels, which lie below those of the one before."""
    placed: list[LevelTable] = []
    for position, keys in enumerate(tables):
        first = placed[-1].last + 1 if placed else 1
        placed.append(LevelTable(position=position, keys=keys, first=first, last=first + keys.get("depth", 1) - 1))
    return tuple(placed)


def level_settings(tables: Sequence[LevelTable]) -> Iterator[Setting]:
    """Yield what the keys of `tables` set, as options do for some levels."""
    for table in tables:
        for key, value in table.keys.items():
            path: Path = ("levels", table.position, key)
            if key in _OPTIONS:
                parameter, separator = _OPTIONS[key]
                values = [f"{table.range}{separator}{it}" for it in listed(value)]
                yield Setting(parameter=parameter, value=values, path=path)
            elif key == "forward":
                yield Setting(parameter="forward", value=[f"{table.last}={it}" for it in listed(value)], path=path)


def listed(value: Any) -> list[str]:  # noqa: ANN401 parsed TOML
    """Return the texts of a value that may be one or a list of them."""
    return [str(it) for it in (value if isinstance(value, list) else [value])]
