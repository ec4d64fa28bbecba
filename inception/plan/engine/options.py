"""Options that hold for some levels, where LEVELS is `2`, `2-4`, `3-` or left out for all.

Most are `[LEVELS:]VALUE`. Those whose value has colons itself, as a tag or a mount has, are `[LEVELS=]VALUE`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from inception.plan.engine.settings import SettingsFile
from inception.plan.light_dataclasses import dataclass

_PREFIXED = re.compile(
    r"(?P<levels>(?P<first>\d{1,6})(?P<upto>-(?P<last>\d{1,6})?)?)(?P<separator>[:=])(?P<value>.*)", re.DOTALL
)
_RUNTIME = re.compile(r"[A-Za-z0-9][\w.-]*|(/[\w.+-]+)+")


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


@dataclass(frozen=True, kw_only=True)
class LevelImage:
    """The image that the levels of a range run from."""

    levels: LevelRange
    image: str


@dataclass(frozen=True, kw_only=True)
class LevelRuntime:
    """The runtime, a name or a path in the image, by which the engines of a range run containers."""

    levels: LevelRange
    runtime: str


def split_levels(text: str, separator: str = ":") -> tuple[LevelRange, str]:
    """Return the levels and the value of `[LEVELS:]VALUE`, or with another `separator`.

    Raises ValueError for levels that cannot be.
    """
    if (match := _PREFIXED.fullmatch(text)) is None or match["separator"] != separator:
        return LevelRange(), text
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else None if match["upto"] else first
    if first < 1 or (last is not None and last < first):
        raise ValueError(f"{match['levels']!r} in {text!r} are no levels")
    return LevelRange(first=first, last=last), match["value"]


def parse_levels(text: str) -> LevelRange:
    """Return the levels that `2`, `2-4` or `3-` stands for. Raises ValueError."""
    levels, rest = split_levels(f"{text}:")
    if rest:
        raise ValueError(f"{text!r} are no levels")
    return levels


def parse_dockerd_argument(text: str) -> DockerdArgument:
    """Return the argument that `[LEVELS:]ARG` stands for. Raises ValueError."""
    levels, argument = split_levels(text, ":")
    if not argument.startswith("-") or any(it.isspace() for it in argument.partition("=")[0]):
        raise ValueError(f"{argument!r} is not an option of dockerd: write it like --log-level=debug")
    return DockerdArgument(levels=levels, argument=argument)


def parse_level_image(text: str) -> LevelImage:
    """Return what `[LEVELS=]TAG` stands for. Raises ValueError."""
    levels, image = split_levels(text, "=")
    if not image or image.startswith("-") or any(it.isspace() or it == "=" for it in image):
        raise ValueError(f"{text!r} names no image")
    return LevelImage(levels=levels, image=image)


def parse_level_runtime(text: str) -> LevelRuntime:
    """Return what `[LEVELS=]RUNTIME` stands for. Raises ValueError."""
    levels, runtime = split_levels(text, "=")
    if _RUNTIME.fullmatch(runtime) is None:
        raise ValueError(f"{text!r} names no runtime: it is a name like crun, or an absolute path")
    return LevelRuntime(levels=levels, runtime=runtime)


def ranges(values: Sequence[str]) -> str:
    """Return one value a level, those of several levels in a row once: `private 1-31, shared 32-40`."""
    runs = [(value, [number for number, _ in run]) for value, run in groupby(enumerate(values, 1), lambda it: it[1])]
    return ", ".join(
        f"{value} {numbers[0]}" if len(numbers) == 1 else f"{value} {numbers[0]}-{numbers[-1]}"
        for value, numbers in runs
    )
