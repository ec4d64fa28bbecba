"""Binds the host's directories that this level is to have to their targets.

Each level has all of them at `MOUNTS_DIRECTORY`: level 1 from the host, every other one by a single recursive bind of
its parent's, so that a level costs the same at any depth, and no path is looked up twice.
"""

from __future__ import annotations

from pathlib import Path

from inception.linux.mounts import BindRecursively, MakeReadOnly, MountPoint, parse_mountinfo
from inception.plan.chain import ChainPlan
from inception.plan.paths import MOUNTS_DIRECTORY

_CARRIED = Path(MOUNTS_DIRECTORY)


def open_mounts(plan: ChainPlan, number: int) -> None:
    """Bind the mounts of level `number` to their targets, which are made if need be. Raises OSError."""
    if not plan.mounts:
        return
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    for operation in operations(plan, number, mounts):
        if isinstance(operation, BindRecursively):
            make_target(operation.source, operation.target)
        operation.execute()


def operations(
    plan: ChainPlan, number: int, mounts: tuple[MountPoint, ...]
) -> tuple[MakeReadOnly | BindRecursively, ...]:
    """Return what level `number` does to have its mounts; `mounts` are those of this mount namespace.

    An engine makes a bind read-only, and not the mounts below it (before Docker 25): level 1 does that for all levels.
    """
    carried = [(_CARRIED / str(index), mount) for index, mount in enumerate(plan.mounts)]
    targets = [it.target for it in mounts]
    restricted = [
        MakeReadOnly(target=source)
        for source, mount in carried
        if number == 1 and mount.read_only and any(source in target.parents for target in targets)
    ]
    # A target may lie in another one, which must be there first.
    wanted = sorted((Path(mount.target), source) for source, mount in carried if number in mount.levels)
    return (*restricted, *(BindRecursively(source=source, target=target) for target, source in wanted))


def make_target(source: Path, target: Path) -> None:
    """Make an empty directory or file for `source` to be bound to, with its parents. Raises OSError."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(exist_ok=True)
