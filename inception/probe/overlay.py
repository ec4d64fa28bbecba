"""Find out whether the file system of the engine's data-root can hold the upper directory of an overlay."""

from __future__ import annotations

import os
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from inception.probe import scripts


def trying_overlay(data_root: str, process: Path) -> AbstractContextManager[subprocess.Popen[str] | None]:
    """Try a real overlay below the data-root, in the mount namespace of the engine (its directory in /proc).

    Gives None to users other than root, who may not mount.
    """
    if os.geteuid() != 0:
        return nullcontext(None)
    namespace = process / "ns" / "mnt"
    entered = () if namespace.samefile("/proc/self/ns/mnt") else (str(namespace),)
    return scripts.running("mount_overlay", data_root, *entered)


def worked(trial: subprocess.Popen[str]) -> bool:
    """Return whether the overlay could be mounted and used. Raises subprocess.SubprocessError."""
    return scripts.answer(trial) == "ok"
