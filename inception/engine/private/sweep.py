"""Remove everything that a private engine, stopped or killed, leaves on the host, but for its data."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from inception.engine.private import cgroups, host, kernel, processes
from inception.engine.private.layout import EngineDirectory
from inception.linux.mounts import parse_mountinfo


def sweep(directory: EngineDirectory) -> None:
    """Kill the engine's processes and undo its changes. The caller holds the supervisor's lock.

    A step that fails does not prevent the others. Raises EngineError or OSError afterwards.
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
        steps.callback(processes.kill_until_none, lambda: _processes(directory), lambda: cgroups.thaw(directory.tag))


def _processes(directory: EngineDirectory) -> frozenset[int]:
    """Return the daemons and shims, known by their arguments, and the containers' processes, known by their groups."""
    daemons = processes.with_argument((directory.daemon_json, directory.containerd_toml, directory.containerd_socket))
    contained = map(cgroups.processes, cgroups.own_groups(directory.tag))
    return frozenset((*daemons, *chain.from_iterable(contained)))


def _detach_mounts(directory: EngineDirectory) -> None:
    """Detach the containers' mounts in this namespace that dockerd had no time to unmount."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    for mount in reversed(mounts):
        if mount.target.is_relative_to(directory.root):
            kernel.detach(mount.target)


def _remove_files(directory: EngineDirectory) -> None:
    for path in directory.transient:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
