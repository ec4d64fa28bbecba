"""Read the host's directories that a user wants in levels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inception.errors import UsageError
from inception.plan.engine.options import LevelRange
from inception.plan.light_dataclasses import replace
from inception.plan.mounts import HostMount, parse_mount


def read_mounts(options: Sequence[str], *, here: bool = False) -> tuple[HostMount, ...]:
    """Return the mounts in `options`, each `[LEVELS=]SOURCE:TARGET[:ro]`, and with `here` the working directory's.

    A relative source is one of the working directory. Raises UsageError, also for a source that is not there.
    """
    mounts = list(map(_read_mount, options))
    if here:
        place = str(Path.cwd())
        mounts.append(HostMount(levels=LevelRange(), source=place, target=place))
    return tuple(mounts)


def _read_mount(option: str) -> HostMount:
    try:
        mount = parse_mount(option)
    except ValueError as error:
        raise UsageError(str(error), remedy="write it like ./src:/src or, in some levels, 2-=/data:/data:ro") from error
    source = Path(mount.source).absolute()
    if not source.exists():
        raise UsageError(f"mount {option}: there is no {source}", remedy="name a directory or a file that is there")
    return replace(mount, source=str(source))
