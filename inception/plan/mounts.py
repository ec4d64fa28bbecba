"""Directories and files of the host in the levels: `[LEVELS=]SOURCE:TARGET[:ro]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import PurePosixPath

from inception.plan.engine.options import LevelRange, split_levels
from inception.plan.light_dataclasses import dataclass
from inception.plan.paths import DATA_ROOT

_MODES = {"rw": False, "ro": True}
_NEEDED = tuple(
    map(
        PurePosixPath,
        ("/", "/bin", "/etc", "/lib", "/lib32", "/lib64", "/run", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/usr/sbin"),
    )
)
"""Directories of the level image without which no level boots; something may be mounted below them."""
_RESERVED = (
    PurePosixPath("/dev"),
    PurePosixPath("/proc"),
    PurePosixPath("/sys"),
    PurePosixPath("/run/containerd"),
    DATA_ROOT,
    PurePosixPath("/var/lib/inception"),
)
"""Directories that levels mount themselves: nothing may be mounted there, below or above."""


@dataclass(frozen=True, kw_only=True)
class HostMount:
    """A directory or file `source` of the host that the levels of a range have at `target`. Both are absolute."""

    levels: LevelRange
    source: str
    target: str
    read_only: bool = False

    def __str__(self) -> str:
        """Return it as a user writes it."""
        return f"{self.levels}={self.source}:{self.target}{':ro' if self.read_only else ''}"


def parse_mount(text: str) -> HostMount:
    """Return the mount that `[LEVELS=]SOURCE:TARGET[:ro]` stands for. Raises ValueError."""
    levels, value = split_levels(text, "=")
    source, _, rest = value.partition(":")
    target, colon, mode = rest.partition(":")
    if not source or not target or (colon and mode not in _MODES):
        raise ValueError(f"{text!r} is not [LEVELS=]SOURCE:TARGET[:ro]")
    return HostMount(levels=levels, source=source, target=target, read_only=_MODES.get(mode, False))


def problems_of_mounts(mounts: Iterable[HostMount]) -> Iterator[tuple[str, str]]:
    """Yield each reason why no level could have these mounts, with a remedy."""
    for mount in mounts:
        path = PurePosixPath(mount.target)
        if not path.is_absolute() or ".." in path.parts:
            yield f"mount target {mount.target} is not an absolute path", "write it like /src"
        elif (needed := needed_by_levels(path)) is not None:
            yield f"mount target {mount.target} would hide {needed}, which a level needs", "choose another target"
    for one, other in combinations(mounts, 2):
        if PurePosixPath(one.target) == PurePosixPath(other.target) and _overlap(one.levels, other.levels):
            yield f"{one.source} and {other.source} have the same target {one.target}", "give each one of its own"


def needed_by_levels(target: PurePosixPath, run_root: str | None = None) -> PurePosixPath | None:
    """Return the directory that a mount at `target` would hide or that it would lie in, None if there is none."""
    reserved = (*_RESERVED, PurePosixPath(run_root)) if run_root else _RESERVED
    hidden = (it for it in reserved if target.is_relative_to(it) or it.is_relative_to(target))
    return next(hidden, target if target in _NEEDED else None)


def _overlap(one: LevelRange, other: LevelRange) -> bool:
    return max(one.first, other.first) in one and max(one.first, other.first) in other
