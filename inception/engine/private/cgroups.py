"""Control groups of the private engine's containers: below one of its own in every hierarchy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from inception.linux import freezer
from inception.linux.mounts import parse_mountinfo

_REMOVE_TIMEOUT_S = 5.0
_POLL_S = 0.02


def groups(name: str, mountinfo: str) -> tuple[Path, ...]:
    """Return the path of control group `name` in each mounted hierarchy (v1, hybrid or v2); it may not exist."""
    return tuple(
        mount.target / name for mount in parse_mountinfo(mountinfo) if mount.filesystem in {"cgroup", "cgroup2"}
    )


def own_groups(name: str) -> tuple[Path, ...]:
    """Return the path of control group `name` in each hierarchy that this process sees."""
    return groups(name, Path("/proc/self/mountinfo").read_text())


def processes(group: Path) -> Iterator[int]:
    """Yield the process ids in `group` and all groups below it."""
    for members in group.rglob("cgroup.procs"):
        try:
            yield from map(int, members.read_text().split())
        except OSError:  # It was removed meanwhile.
            continue


def thaw(name: str) -> None:
    """Thaw what is frozen (cgroup v1) in control group `name` and below, in every hierarchy; without a name, in all.

    Killed processes end then, also those of a paused container.
    """
    for group in own_groups(name):
        for state in group.rglob("freezer.state"):
            with suppress(OSError):  # It was removed meanwhile.
                freezer.thaw(state.parent)


def remove(group: Path) -> None:
    """Remove `group` and all groups below it, innermost first. Raises OSError if a process stays in one of them."""
    attempts = Retrying(
        # A group stays busy for a moment after its last process has ended.
        retry=retry_if_exception_type(OSError),
        stop=stop_after_delay(_REMOVE_TIMEOUT_S),
        wait=wait_fixed(_POLL_S),
        reraise=True,
    )
    attempts(_remove_tree, group)


def _remove_tree(group: Path) -> None:
    for child in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        child.rmdir()
    if group.is_dir():
        group.rmdir()
