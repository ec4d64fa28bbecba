"""Ends the containers that still run once their dockerd was asked to end: the deaf ones first, the others in time.

dockerd sends each its stop signal and waits 10 s, which `sleep` or a shell as a container's first program always takes:
the first process of a PID namespace does not get a signal that it has no handler for (pid_namespaces(7)).
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from inception.level.engine.shims import is_shim
from inception.linux.process_stat import read_process_stat

_PROC = Path("/proc")
_DEAF_S = 0.1
"""Seconds for dockerd to begin with the end of all its containers: it would restart one that ended before."""
_REAL_TIME = re.compile(r"(RTMIN|RTMAX)([+-]\d+)?")


class LastProcess(NamedTuple):
    """First process of a container, or of a `docker exec` in it."""

    pid: int
    container: str


@contextmanager
def ending_containers(data_root: Path, after_s: float) -> Iterator[None]:
    """Kill this engine's deaf containers as the block begins, and the others `after_s` seconds later.

    Those that have ended by themselves, or with the block, are not killed. `data_root` is the engine's.
    """
    over = threading.Event()

    def kill() -> None:
        if not over.wait(_DEAF_S):
            _kill(it for it in _last_processes() if _is_deaf(it, data_root))
        if not over.wait(after_s - _DEAF_S):
            _kill(_last_processes())

    threading.Thread(target=kill, name="end containers", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _kill(processes: Iterator[LastProcess]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _last_processes() -> Iterator[LastProcess]:
    """Return the children of containerd-shims in this mount namespace: with `--pid=host` others are visible, too."""
    ours = (_PROC / "self/ns/mnt").readlink()
    parents: dict[int, int] = {}
    shims: dict[int, str] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # It ended meanwhile.
                stat = read_process_stat(entry)
                parents[int(entry.name)] = stat.parent
                if is_shim(stat) and (entry / "ns/mnt").readlink() == ours:
                    shims[int(entry.name)] = _container_of((entry / "cmdline").read_text())
    return (LastProcess(pid, shims[parent]) for pid, parent in parents.items() if parent in shims)


def _container_of(command_line: str) -> str:
    """Return the id that a containerd-shim with this command line has in `-id`, or nothing."""
    words = command_line.split("\0")
    return words[words.index("-id") + 1] if "-id" in words[:-1] else ""


def _is_deaf(process: LastProcess, data_root: Path) -> bool:
    """Return whether a process is first in its PID namespace, and has no handler for its container's stop signal."""
    try:
        config = json.loads((data_root / "containers" / process.container / "config.v2.json").read_text())
        number = signal_number(config["Config"].get("StopSignal") or "SIGTERM")
        status = (_PROC / str(process.pid) / "status").read_text()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # It has the time that the others have.
    return number is not None and passes_over(status, number)


def passes_over(status: str, number: int) -> bool:
    """Return whether a process passes over signal `number` by `status`, the text of its /proc/PID/status."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    first_of_namespace = fields["NSpid"].split()[-1] == "1"
    heard = int(fields["SigCgt"], 16) | int(fields["SigBlk"], 16)  # A blocked one may be waited for (sigwait(3)).
    return first_of_namespace and not heard >> number - 1 & 1


def signal_number(name: str) -> int | None:
    """Return the number of a signal as Docker takes it: `SIGTERM`, `term`, `15` or `SIGRTMIN+3`; None if it is none."""
    if name.isdecimal():
        return int(name) if 0 < int(name) < signal.NSIG else None
    short = name.upper().removeprefix("SIG")
    if found := _REAL_TIME.fullmatch(short):
        return int(getattr(signal, f"SIG{found[1]}")) + int(found[2] or 0)
    number = getattr(signal, f"SIG{short}", None)
    return int(number) if isinstance(number, signal.Signals) else None
