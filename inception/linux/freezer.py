"""The control group of this process, and processes that the freezer of cgroup v1 holds."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_HIERARCHIES = Path("/sys/fs/cgroup")
_FREEZER = "freezer"
_THAWED = "THAWED"
"""State of a group whose processes run (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst)."""


def own_group(root: Path = _HIERARCHIES, membership: Path = Path("/proc/self/cgroup")) -> Path:
    """Return the directory of this process's control group: in the freezer's hierarchy on v1, else in v2's.

    `root` is where the hierarchies are mounted. Raises OSError if neither is.
    """
    for directory in _own_groups(root, membership.read_text()):
        if (directory / "cgroup.procs").exists():
            return directory
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(root))


def _own_groups(root: Path, membership: str) -> Iterator[Path]:
    groups = {names: path for _, names, path in (line.split(":", 2) for line in membership.splitlines())}
    for hierarchy, names in ((root / _FREEZER, _FREEZER), (root, ""), (root / "unified", "")):
        if (path := groups.get(names)) is not None:
            yield hierarchy / path.lstrip("/")


def freezer_group(path: str, root: Path = _HIERARCHIES) -> Path:
    """Return the directory of the control group `path` in the freezer's hierarchy, which only v1 has."""
    return root / _FREEZER / path.lstrip("/")


def thaw(group: Path) -> None:
    """Let processes of `group` go on if the freezer of cgroup v1 holds them: even killed ones do not end before.

    Groups below it keep their own state. Raises OSError.
    """
    state = group / "freezer.state"
    if state.exists() and state.read_text().strip() != _THAWED:
        state.write_text(_THAWED)
