"""Read memory, disk space, tasks and file limits of the engine's machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from inception.plan.light_dataclasses import dataclass

_V1_LIMIT = Path("sys/fs/cgroup/memory/memory.limit_in_bytes")
_V1_USAGE = Path("sys/fs/cgroup/memory/memory.usage_in_bytes")
_V2_LIMIT = Path("sys/fs/cgroup/memory.max")
_V2_USAGE = Path("sys/fs/cgroup/memory.current")
_TASKS_LIMITS = (Path("sys/fs/cgroup/pids"), Path("sys/fs/cgroup"))
_KERNEL_TASK_LIMITS = (Path("/proc/sys/kernel/threads-max"), Path("/proc/sys/kernel/pid_max"))


@dataclass(frozen=True, kw_only=True)
class FreeSpace:
    """Free space of a file system; `inodes` is None if it creates them as needed."""

    bytes: int
    inodes: int | None


def parse_memory_available(meminfo: str) -> int:
    """Return the bytes that new programs can have without swapping (`MemAvailable`). Raises ValueError."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    if found is None:
        raise ValueError("no MemAvailable in meminfo")
    return int(found[1]) * 1024


def parse_bounding_set(status: str) -> int:
    """Return the bit mask of the capability bounding set in a `/proc/PID/status`."""
    return int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)


def parse_open_files_maximum(limits: str) -> int:
    """Return the hard limit of open files in a `/proc/PID/limits`."""
    return int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[4])


def read_memory_available(root: Path) -> int:
    """Return the bytes free for containers: the machine's, or fewer if the engine's control group is limited."""
    available = parse_memory_available(Path("/proc/meminfo").read_text(encoding="ascii"))
    room = [_group_room(root / _V1_LIMIT, root / _V1_USAGE), _group_room(root / _V2_LIMIT, root / _V2_USAGE)]
    return min([available, *(bytes_ for bytes_ in room if bytes_ is not None)])


def parse_tasks(loadavg: str) -> int:
    """Return the number of processes and threads in `/proc/loadavg`."""
    return int(loadavg.split()[3].partition("/")[2])


def read_tasks_free(root: Path) -> int:
    """Return how many more processes and threads the kernel and the engine's control group allow."""
    existing = parse_tasks(Path("/proc/loadavg").read_text(encoding="ascii"))
    room = [int(limit.read_text(encoding="ascii")) - existing for limit in _KERNEL_TASK_LIMITS]
    groups = (_group_room(root / group / "pids.max", root / group / "pids.current") for group in _TASKS_LIMITS)
    return max(min([*room, *(tasks for tasks in groups if tasks is not None)]), 0)


def _group_room(limit: Path, usage: Path) -> int | None:
    try:
        return max(int(limit.read_text()) - int(usage.read_text()), 0)
    except (OSError, ValueError):
        # No such control group, or "max".
        return None


def read_free_space(directory: Path) -> FreeSpace:
    """Return the space free to ordinary users on the file system of `directory`. Raises OSError."""
    stat = os.statvfs(directory)
    return FreeSpace(bytes=stat.f_bavail * stat.f_frsize, inodes=stat.f_favail if stat.f_files else None)


def read_open_files_limit(process: Path, *, may_raise: bool) -> int:
    """Return the highest limit of open files that the engine can give a container.

    With CAP_SYS_RESOURCE (`may_raise`) it is the kernel's own maximum, without it the engine's.
    """
    if may_raise:
        return int(Path("/proc/sys/fs/nr_open").read_text(encoding="ascii"))
    return parse_open_files_maximum((process / "limits").read_text())
