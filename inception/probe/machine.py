"""Memory, disk space and file limits of the engine's machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_V1_LIMIT = Path("sys/fs/cgroup/memory/memory.limit_in_bytes")
_V1_USAGE = Path("sys/fs/cgroup/memory/memory.usage_in_bytes")
_V2_LIMIT = Path("sys/fs/cgroup/memory.max")
_V2_USAGE = Path("sys/fs/cgroup/memory.current")
_TASKS_LIMITS = (Path("sys/fs/cgroup/pids"), Path("sys/fs/cgroup"))
_KERNEL_TASK_LIMITS = (Path("/proc/sys/kernel/threads-max"), Path("/proc/sys/kernel/pid_max"))


@dataclass(frozen=True, kw_only=True)
class FreeSpace:
    """What is left for data on a file system; `bytes` for its size, `inodes` None where it makes them as needed."""

    bytes: int
    inodes: int | None


def parse_memory_available(meminfo: str) -> int:
    """Bytes that new programs can have without swapping (`MemAvailable`)."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    if found is None:
        raise ValueError("no MemAvailable in meminfo")
    return int(found[1]) * 1024


def parse_bounding_set(status: str) -> int:
    """The bit mask of the capability bounding set in a `/proc/PID/status`."""
    return int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)


def parse_open_files_maximum(limits: str) -> int:
    """The hard limit of open files in a `/proc/PID/limits`."""
    return int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[4])


def read_memory_available(root: Path) -> int:
    """Bytes free for containers: what the machine has, or less where the engine sits in a limited control group."""
    available = parse_memory_available(Path("/proc/meminfo").read_text(encoding="ascii"))
    room = [_group_room(root / _V1_LIMIT, root / _V1_USAGE), _group_room(root / _V2_LIMIT, root / _V2_USAGE)]
    return min([available, *(bytes_ for bytes_ in room if bytes_ is not None)])


def parse_tasks(loadavg: str) -> int:
    """How many processes and threads there are, out of `/proc/loadavg`."""
    return int(loadavg.split()[3].partition("/")[2])


def read_tasks_free(root: Path) -> int:
    """How many more processes and threads the kernel, or the control group that the engine sits in, allows."""
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
    """What is free on the file system under `directory` for an ordinary user. Raises OSError."""
    stat = os.statvfs(directory)
    return FreeSpace(bytes=stat.f_bavail * stat.f_frsize, inodes=stat.f_favail if stat.f_files else None)


def read_open_files_limit(process: Path, *, may_raise: bool) -> int:
    """The highest limit of open files that a container of the engine can be given.

    With CAP_SYS_RESOURCE (`may_raise`) it is the kernel's own maximum, without it the engine's.
    """
    if may_raise:
        return int(Path("/proc/sys/fs/nr_open").read_text(encoding="ascii"))
    return parse_open_files_maximum((process / "limits").read_text())
