"""Find the engine's process on this machine.

Its directory in /proc gives its capabilities, limits, mounts, network and PID namespace, which may differ from those of
this process.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inception.probe.namespaces import in_namespace_of

_PROC = Path("/proc")
_ENGINE_PROGRAMS = ("dockerd", "podman")
_PID_FILES = (Path("/var/run/docker.pid"), Path("/run/docker.pid"))
_ENGINE_ID_FILE = "engine-id"
_FIRST_WITH_ENGINE_ID = 23


def find_daemon(endpoint: str, info: Mapping[str, Any]) -> int | None:
    """Return the process id of the engine that listens at `endpoint`, or None if this process cannot see it.

    `info` is that engine's answer to `GET /info`. Where another program listens, systemd or one that forwards to an
    engine elsewhere, it tells which engine of this machine answers, if any.
    Raises OSError if nothing listens at a unix socket.
    """
    if not endpoint.startswith("unix://"):
        return None
    listener = find_listener(endpoint.removeprefix("unix://"))
    # 0: the engine is in a PID namespace that this process does not see, as if on another machine.
    if listener == 0:
        return None
    if _program(listener) in _ENGINE_PROGRAMS:
        return listener
    # With socket activation it was systemd that listened, and the engine got the socket from it. But a program that
    # forwards to a virtual machine or another host (Docker Desktop, Colima, `ssh -L`) looks the same.
    return _from_pid_file(info) or _only_match(info)


def find_listener(socket_path: str) -> int:
    """Return the id of the process that called `listen` on the socket (SO_PEERCRED, unix(7)). Raises OSError.

    It is 0 for a process in a PID namespace that this process does not see.
    """
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


def _from_pid_file(info: Mapping[str, Any]) -> int | None:
    for path in _PID_FILES:
        try:
            pid = int(path.read_text())
        except (OSError, ValueError):
            continue
        if _program(pid) in _ENGINE_PROGRAMS and _gave(pid, info):
            return pid
    return None


def _only_match(info: Mapping[str, Any]) -> int | None:
    """Return the process id of the one engine that can have given `info`: of several, it could be any."""
    engines = [pid for pid in engine_processes() if _gave(pid, info)]
    return engines[0] if len(engines) == 1 else None


def _gave(pid: int, info: Mapping[str, Any]) -> bool:
    """Return whether the engine of process `pid` can have given the answer `info`."""
    if info.get("KernelVersion") != os.uname().release:
        return False
    try:
        name = in_namespace_of(_PROC / str(pid), "uts", socket.gethostname)
    except OSError:  # It has ended meanwhile.
        return False
    return info.get("Name") == name and _has_id(pid, info)


def _has_id(pid: int, info: Mapping[str, Any]) -> bool:
    """Return whether the data-root, as process `pid` sees it, holds the id in `info`; True if that cannot be read."""
    file = _PROC / str(pid) / "root" / str(info.get("DockerRootDir", "")).lstrip("/") / _ENGINE_ID_FILE
    try:
        return file.read_text().strip() == info.get("ID")
    except PermissionError:
        return True  # Only root may follow another process's `root` link, or read the data-root.
    except OSError:
        return not _keeps_id(str(info.get("ServerVersion", "")))


def _keeps_id(version: str) -> bool:
    """Return whether an engine of `version` keeps its id in its data-root. Podman, below 23 too, has none."""
    major = re.match(r"\d+", version)
    return major is not None and int(major[0]) >= _FIRST_WITH_ENGINE_ID


def engine_processes() -> Iterator[int]:
    """Yield the process ids of all engines in this PID namespace."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and _program(int(entry.name)) in _ENGINE_PROGRAMS:
            yield int(entry.name)


def sees_directory(daemon: int, directory: Path) -> bool:
    """Return whether process `daemon` sees the same `directory`, or its nearest existing parent, as this process.

    Without the right to look, as an ordinary user, it is assumed to. Root without it is confined, so it is not.
    """
    ours = next(path for path in (directory, *directory.parents) if path.exists())
    theirs = _PROC / str(daemon) / "root" / ours.relative_to("/")
    try:
        return theirs.samefile(ours)
    except PermissionError:
        # Only root may follow another process's `root` link; a unix socket as endpoint must suffice for others.
        return os.geteuid() != 0
    except OSError:
        return False
