"""The shims of an engine's containers: a process each, which stays while containerd ends or starts again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from inception.linux.freezer import freezer_group, own_group, thaw
from inception.linux.process_stat import ZOMBIE, ProcessStat, read_process_stat

_PROC = Path("/proc")
_NAME = "containerd-shim"
"""Name of its process, of which the kernel keeps 15 bytes."""
_RUNC = "runc"
_LIMIT_S = 2.0
"""Seconds for killed processes to end."""
_POLL_S = 0.001


def is_shim(process: ProcessStat) -> bool:
    """Return whether a process is a shim, by its name."""
    return process.name.startswith(_NAME)


def kill_shims() -> None:
    """Kill the shims in this process's control group, with the runcs that they run, once their daemons are dead.

    A shim has `runc kill --all` and `runc delete` signal what is left of its container. On cgroup v1 they freeze that
    meanwhile, and what a killed runc leaves frozen never ends: it is thawed. Raises OSError.
    """
    ours, containers = own_group(), set[str]()
    deadline_s = time.monotonic() + _LIMIT_S
    # One round may not do: a shim may have started a runc just before it was killed.
    while (found := tuple(_shims_and_runcs(ours))) and time.monotonic() < deadline_s:
        for process in found:
            with suppress(OSError, ValueError, KeyError, TypeError):
                containers.add(_group_of_container(process))
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)
    for container in containers:
        thaw(freezer_group(container))


def _shims_and_runcs(group: Path) -> Iterator[int]:
    """Yield the ids of those processes in a control group that have not ended."""
    for process in map(int, (group / "cgroup.procs").read_text().split()):
        with suppress(OSError):  # It ended meanwhile.
            stat = read_process_stat(_PROC / str(process))
            if stat.state != ZOMBIE and (is_shim(stat) or stat.name.startswith(_RUNC)):
                yield process


def _group_of_container(shim: int) -> str:
    """Return the path of the control group that a shim's container has: its working directory is the bundle.

    Raises OSError, ValueError, KeyError or TypeError for another process, and where the bundle is removed already.
    """
    return str(json.loads((_PROC / str(shim) / "cwd/config.json").read_text())["linux"]["cgroupsPath"])
