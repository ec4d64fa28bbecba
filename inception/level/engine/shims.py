"""The shims of an engine's containers: a process each, which stays while containerd ends or starts again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from inception.linux.process_stat import ProcessStat, read_process_stat

_PROC = Path("/proc")
_NAME = "containerd-shim"
"""Name of its process, of which the kernel keeps 15 bytes."""


def is_shim(process: ProcessStat) -> bool:
    """Return whether a process is a shim, by its name."""
    return process.name.startswith(_NAME)


def kill_shim_of(process: int) -> None:
    """Kill the shim of the container whose first process is `process`, if it is there."""
    with suppress(OSError):
        shim = read_process_stat(_PROC / str(process)).parent
        if is_shim(read_process_stat(_PROC / str(shim))):
            os.kill(shim, signal.SIGKILL)
