"""Reads the limits and counters of the host, before a chain and when it fails, to explain the wall."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inception.linux.mounts import parse_mountinfo

PROC = Path("/proc")
ROOT_KEYS = "0:"

_SETTINGS = (
    "fs/file-max",
    "fs/inotify/max_user_instances",
    "fs/inotify/max_user_watches",
    "fs/mount-max",
    "kernel/keys/root_maxkeys",
    "kernel/pid_max",
    "kernel/pty/max",
    "kernel/pty/nr",
    "kernel/threads-max",
    "user/max_pid_namespaces",
    "user/max_user_namespaces",
)
_GROUP_NAMES = ("{}", "docker-{}.scope", "libpod-{}", "libpod-{}.scope")
"""Names of a container's control group: Docker's and Podman's, by themselves and by systemd."""
_CGROUP_FILES = (
    "memory.events",
    "memory.oom_control",
    "memory.failcnt",
    "memory.max",
    "memory.limit_in_bytes",
    "pids.events",
    "pids.max",
    "pids.current",
    "pids.peak",
)


@dataclass(frozen=True, kw_only=True)
class Space:
    """Free bytes and inodes of a directory that a chain writes to."""

    path: str
    free: int
    inodes_free: int | None


@dataclass(frozen=True, kw_only=True)
class CgroupReading:
    """Limits and counters of one control group: `values` by file name, or by file name and key."""

    path: str
    values: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The host at one moment. `settings` are sysctls by their path; `keys` is how many root holds."""

    settings: dict[str, int] = field(default_factory=dict)
    oom_kills: int = 0
    keys: int | None = None
    loop_devices: int = 0
    spaces: tuple[Space, ...] = ()
    cgroups: tuple[CgroupReading, ...] = ()


def read_evidence(places: tuple[Path, ...], container: str | None = None) -> Evidence:
    """Read this host now: `places` are directories that a chain writes to, `container` is the id of its level 1."""
    return Evidence(
        settings=dict(_settings()),
        oom_kills=_oom_kills(),
        keys=_keys(),
        loop_devices=sum(1 for _ in Path("/sys/block").glob("loop*/loop")),
        spaces=tuple(space for place in places if (space := read_space(place)) is not None),
        cgroups=tuple(_cgroups(container)) if container else (),
    )


def _settings() -> Iterator[tuple[str, int]]:
    for name in _SETTINGS:
        try:
            yield name, int((PROC / "sys" / name).read_text().split()[0])
        except (OSError, ValueError):
            continue  # Not every kernel has each of them.


def _oom_kills() -> int:
    try:
        lines = (PROC / "vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _keys() -> int | None:
    """Return how many keys root holds: the fourth column of /proc/key-users, see keyrings(7)."""
    try:
        lines = (PROC / "key-users").read_text().splitlines()
    except OSError:
        return None
    held = next((line.split()[3] for line in lines if line.split()[0] == ROOT_KEYS), None)
    return int(held.partition("/")[0]) if held else None


def read_space(place: Path) -> Space | None:
    """Return the free space at `place`, or None if it cannot be read."""
    try:
        status = os.statvfs(place)
    except OSError:
        return None
    inodes = status.f_favail if status.f_files else None
    return Space(path=str(place), free=status.f_bavail * status.f_frsize, inodes_free=inodes)


def _cgroups(container: str) -> Iterator[CgroupReading]:
    """Yield the container's control group in each hierarchy; its limits hold for all levels below, too."""
    for mount in parse_mountinfo((PROC / "self/mountinfo").read_text()):
        if mount.filesystem not in {"cgroup", "cgroup2"}:
            continue
        for name in _GROUP_NAMES:
            for directory in mount.target.glob(f"*/{name.format(container)}"):
                values = dict(_cgroup_values(directory))
                if values:
                    yield CgroupReading(path=str(directory), values=values)


def _cgroup_values(directory: Path) -> Iterator[tuple[str, int]]:
    for name in _CGROUP_FILES:
        try:
            lines = (directory / name).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            *key, value = line.split()
            if value.isdecimal():
                yield (" ".join([name, *key]), int(value))
