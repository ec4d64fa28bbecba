"""Find the engine's process on this machine.

Its directory in /proc gives its capabilities, limits, mounts, network and PID namespace, which may differ from those of
this process.
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
    """Return the process id of the engine that listens at `endpoint`, or None if this process cannot see it.

    Raises OSError if nothing listens at a unix socket.
    """
    if not endpoint.startswith("unix://"):
        return None
    listener = _listener(endpoint.removeprefix("unix://"))
    # 0: the engine is in a PID namespace that this process does not see, as if on another machine.
    if listener == 0:
        return None
    if _program(listener) in _ENGINE_PROGRAMS:
        return listener
    # With socket activation it was systemd that listened, and the engine got the socket from it.
    return _from_pid_file() or _only_running_engine()


def _listener(socket_path: str) -> int:
    """Return the id of the process that called `listen` on the socket (SO_PEERCRED, unix(7)). Raises OSError."""
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
    """Return the engine's process id if exactly one engine runs: of several, it could be any."""
    engines = list(engine_processes())
    return engines[0] if len(engines) == 1 else None


def engine_processes() -> Iterator[int]:
    """Yield the process ids of all engines in this PID namespace."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and _program(int(entry.name)) in _ENGINE_PROGRAMS:
            yield int(entry.name)


def sees_directory(daemon: int, directory: Path) -> bool:
    """Return whether process `daemon` sees the same `directory`, or its nearest existing parent, as this process.

    Without the right to look, as an ordinary user, it is assumed to.
    """
    ours = next(path for path in (directory, *directory.parents) if path.exists())
    theirs = _PROC / str(daemon) / "root" / ours.relative_to("/")
    try:
        return theirs.samefile(ours)
    except PermissionError:
        # Only root may follow another process's `root` link; a unix socket as endpoint must suffice for others.
        return True
    except OSError:
        return False
