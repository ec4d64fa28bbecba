"""`python -m inception.level.programs.measure`: print this level's use of resources, as one JSON object.

It runs by `docker exec` in the level. Processes belong to a level by the environment that they inherit from its runner,
not by the PID namespace, which levels may share; so deeper levels are not counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inception.linux.mounts import parse_mountinfo
from inception.plan.paths import DATA_ROOT
from inception.plan.protocol import Program, Variable

_PROC = Path("/proc")
_DATA_ROOT = Path(DATA_ROOT)
_KIB = 1024
_BLOCK = 512
"""Bytes in a unit of `st_blocks`, whatever the file system's blocks are (stat(3type))."""
_STANDARD_DESCRIPTORS = 3
_PROGRAMS = ("containerd-shim", "containerd", "dockerd", "docker-proxy", "tini")
_INIT = "tini"
_RUNNER = "runner"
_BELOW = "volumes"
"""Directory in a data-root where the levels below have theirs."""


def main() -> None:
    """Print the measurement."""
    print(json.dumps(measure()))  # noqa: T201 its output is what it is for


def measure() -> dict[str, Any]:
    """Measure this level's processes, inherited descriptors, mounts, cgroups, links, PID namespace, disk and inodes.

    Sizes are in bytes. The fields are those of `inception.stress.report.record.LevelMeasure`.
    """
    own = {process: name for process in _processes() if (name := _role(process)) is not None}
    disk, inodes = _usage(_DATA_ROOT)
    return {
        "processes": [found for process, name in own.items() if (found := _measure_process(process, name))],
        "inherited": sorted({it for process, name in own.items() if name == _INIT for it in _inherited(process)}),
        "mounts": len((_PROC / "self/mountinfo").read_text().splitlines()),
        "cgroups": len({line for process in own for line in _lines(process / "cgroup")}),
        # Two lines of headings come first.
        "links": len((_PROC / "self/net/dev").read_text().splitlines()) - 2,
        "pid_namespace": (_PROC / "self/ns/pid").stat().st_ino,
        "disk": disk,
        "inodes": inodes,
    }


def _processes() -> Iterator[Path]:
    """Yield the processes with the same chain and level in their environment as this one, but for this one."""
    wanted = {f"{name}={os.environ[name]}".encode() for name in (Variable.CHAIN, Variable.LEVEL)}
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            environment = set((entry / "environ").read_bytes().split(b"\0"))
        except OSError:
            continue  # It ended meanwhile.
        if wanted <= environment:
            yield entry


def _role(process: Path) -> str | None:
    """Return the role of a process in its level; None if it belongs to a user's session."""
    words = _words(process)
    if words[1:4] == ["-S", "-m", Program.RUNNER] or (words[1:3] == ["-S", "-c"] and Program.STANDBY in words[3]):
        return _RUNNER
    program = Path(words[0]).name
    return next((name for name in _PROGRAMS if program.startswith(name)), None)


def _words(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]


def _measure_process(process: Path, name: str) -> dict[str, Any] | None:
    try:
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
        rollup = (process / "smaps_rollup").read_text().splitlines()
        return {
            "name": name,
            "pid": int(process.name),
            "pss": next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) * _KIB,
            "threads": int(status["Threads"]),
            "descriptors": len(list((process / "fd").iterdir())),
        }
    except (OSError, StopIteration, KeyError):
        return None  # It ended meanwhile.


def _inherited(process: Path) -> list[int]:
    """Return the descriptors of `process`, a tini, beyond the standard three: it opens none itself."""
    try:
        return [it for it in (int(entry.name) for entry in (process / "fd").iterdir()) if it >= _STANDARD_DESCRIPTORS]
    except OSError:
        return []


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _usage(root: Path) -> tuple[int, int]:
    """Return the bytes and inodes of the data-root, without the mounts in it and the volumes of the levels below."""
    foreign = {mount.target for mount in parse_mountinfo((_PROC / "self/mountinfo").read_text())}
    disk = inodes = 0
    for directory, children, files in os.walk(root):
        here = Path(directory)
        children[:] = [it for it in children if here / it not in foreign and here / it != root / _BELOW]
        for path in (here, *(here / it for it in files)):
            try:
                status = path.lstat()
            except OSError:
                continue  # It was removed meanwhile.
            # A file with several names is one inode: each name counts for its share.
            disk += status.st_blocks * _BLOCK // (1 if path == here else status.st_nlink)
            inodes += 1
    return disk, inodes


if __name__ == "__main__":
    main()
