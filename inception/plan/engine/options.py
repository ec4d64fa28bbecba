"""Options that hold for some levels: `[LEVELS:]VALUE`, where LEVELS is `2`, `2-4`, `3-` or left out for all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inception.plan.engine.settings import SettingsFile

_PREFIXED = re.compile(r"(?P<first>\d{1,6})(?P<upto>-(?P<last>\d{1,6})?)?:(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class LevelRange:
    """Levels `first` to `last`, both included; without a `last` to the bottom."""

    first: int = 1
    last: int | None = None

    def __contains__(self, number: int) -> bool:
        """Return whether level `number` is one of them."""
        return self.first <= number and (self.last is None or number <= self.last)

    def __str__(self) -> str:
        """Return the range as a user writes it."""
        if self.last is None:
            return f"{self.first}-"
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, kw_only=True)
class DockerdArgument:
    """One argument of dockerd's command line, in the levels of a range."""

    levels: LevelRange
    argument: str


@dataclass(frozen=True, kw_only=True)
class DaemonJson:
    """A daemon.json of the user for the levels of a range."""

    levels: LevelRange
    file: SettingsFile


def split_levels(text: str) -> tuple[LevelRange, str]:
    """Return the levels and the value of `[LEVELS:]VALUE`. Raises ValueError for levels that cannot be."""
    if (match := _PREFIXED.fullmatch(text)) is None:
        return LevelRange(), text
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else None if match["upto"] else first
    if first < 1 or (last is not None and last < first):
        raise ValueError(f"{text.partition(':')[0]!r} in {text!r} are no levels")
    return LevelRange(first=first, last=last), match["value"]


def parse_dockerd_argument(text: str) -> DockerdArgument:
    """Return the argument that `[LEVELS:]ARG` stands for. Raises ValueError."""
    levels, argument = split_levels(text)
    if not argument.startswith("-") or any(it.isspace() for it in argument.partition("=")[0]):
        raise ValueError(f"{argument!r} is not an option of dockerd: write it like --log-level=debug")
    return DockerdArgument(levels=levels, argument=argument)
