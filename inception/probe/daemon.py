"""Which process of this machine is the engine.

Through its entry in /proc everything can be read as the engine sees it: its capabilities, limits, mounts, networks and
PID namespace, which need not be ours.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_ENGINE_PROGRAMS = ("dockerd", "podman")
_PID_FILES = (Path("/var/run/docker.pid"), Path("/run/docker.pid"))


def find_daemon(endpoint: str) -> int | None:
    """The process id of the engine that listens at `endpoint`, or None where it cannot be seen from here."""
    if not endpoint.startswith("unix://"):
        return None
    listener = _listener(endpoint.removeprefix("unix://"))
    # 0 is a process in a PID namespace that we do not see into: another machine, as far as /proc goes.
    if listener == 0:
        return None
    if _program(listener) in _ENGINE_PROGRAMS:
        return listener
    # With socket activation it was systemd that listened, and the engine got the socket from it.
    return _from_pid_file() or _only_running_engine()


def _listener(socket_path: str) -> int:
    """The process that called `listen` on the socket (SO_PEERCRED, unix(7)). Raises OSError if none answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(socket_path)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, _, _ = struct.unpack("3i", credentials)
    return int(pid)


def _program(pid: int) -> str | None:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return None


def _from_pid_file() -> int | None:
    for path in _PID_FILES:
        try:
            pid = int(path.read_text())
        except (OSError, ValueError):
            continue
        if _program(pid) in _ENGINE_PROGRAMS:
            return pid
    return None


def _only_running_engine() -> int | None:
    """The one engine that runs; with several, nothing says which of them it is."""
    engines = list(engine_processes())
    return engines[0] if len(engines) == 1 else None


def engine_processes() -> Iterator[int]:
    """The process ids of all engines that can be seen from here."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and _program(int(entry.name)) in _ENGINE_PROGRAMS:
            yield int(entry.name)


def sees_directory(daemon: int, directory: Path) -> bool:
    """Whether the process has the same `directory` at that path as we do (if it is absent: its nearest parent)."""
    ours = next(path for path in (directory, *directory.parents) if path.exists())
    theirs = _PROC / str(daemon) / "root" / ours.relative_to("/")
    try:
        return theirs.samefile(ours)
    except PermissionError:
        # Only root may look through another process's root; for everyone else, what the endpoint says must do.
        return True
    except OSError:
        return False
