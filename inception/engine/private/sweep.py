"""Take away all that a private engine, stopped or killed, leaves on the host: everything but its kept data."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from inception.engine.private import cgroups, host, kernel, processes
from inception.engine.private.layout import EngineDirectory
from inception.linux.mounts import parse_mountinfo


def sweep(directory: EngineDirectory) -> None:
    """End the engine's processes and undo what it changed. The caller holds the supervisor's lock.

    One step that fails does not keep the others from being done. Raises EngineError or OSError afterwards.
    """
    changes = host.HostChanges.read(directory.host_changes)
    with ExitStack() as steps:  # The last one comes first.
        steps.callback(directory.host_changes.unlink, missing_ok=True)
        if changes is not None:
            steps.callback(host.undo, changes)
        steps.callback(_remove_files, directory)
        steps.callback(_detach_mounts, directory)
        for group in cgroups.own_groups(directory.tag):
            steps.callback(cgroups.remove, group)
        steps.callback(processes.kill_until_none, lambda: _processes(directory))


def _processes(directory: EngineDirectory) -> frozenset[int]:
    """The daemons and shims, known by what they were told, and the containers' processes, known by their groups."""
    told = processes.with_argument((directory.daemon_json, directory.containerd_toml, directory.containerd_socket))
    contained = (process for group in cgroups.own_groups(directory.tag) for process in cgroups.processes(group))
    return frozenset((*told, *contained))


def _detach_mounts(directory: EngineDirectory) -> None:
    """The containers' mounts, where this is the namespace they were made in and dockerd had no time to."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    for mount in reversed(mounts):
        if mount.target.is_relative_to(directory.root):
            kernel.detach(mount.target)


def _remove_files(directory: EngineDirectory) -> None:
    for path in directory.passing:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
