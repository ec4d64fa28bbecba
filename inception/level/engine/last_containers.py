"""Kills the containers that still run some time after their dockerd was asked to end.

dockerd sends each SIGTERM and waits 10 s, which `sleep` or a shell as a container's first program always takes: it does
not hear of a signal that it has no handler for.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def killing_containers(after_s: float) -> Iterator[None]:
    """Kill this engine's containers `after_s` seconds after the block began, unless it has ended by then."""
    killer = threading.Timer(after_s, _kill_containers)
    killer.daemon = True
    killer.start()
    try:
        yield
    finally:
        killer.cancel()


def _kill_containers() -> None:
    for process in _children_of_shims():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _children_of_shims() -> Iterator[int]:
    """Return the children of containerd-shims: the first process of each container, and of each `docker exec`.

    Only shims in this mount namespace count: with `--pid=host` those of the host are visible, too.
    """
    ours = Path("/proc/self/ns/mnt").readlink()
    parents: dict[int, int] = {}
    shims = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # It ended meanwhile.
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                parents[int(entry.name)] = int(rest.split()[1])
                if name.startswith("containerd-shim") and (entry / "ns" / "mnt").readlink() == ours:
                    shims.add(int(entry.name))
    return (process for process, parent in parents.items() if parent in shims)
