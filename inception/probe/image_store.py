"""Find the file system that holds the images of an engine which leaves them to containerd.

Such an engine (Docker 29 by default) keeps volumes in its data-root, but images and the layers of its containers in
the root directory of containerd, usually /var/lib/containerd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inception.probe.daemon import find_daemon, find_listener
from inception.probe.machine import FreeSpace, read_free_space

_SNAPSHOTTER = ["driver-type", "io.containerd.snapshotter.v1"]
_USUAL_SOCKET = "/run/containerd/containerd.sock"
_PROC = Path("/proc")
_DATABASES = ("io.containerd.snapshotter.v1.", "io.containerd.metadata.v1.bolt/meta.db")
"""In the paths of files that containerd holds open: a snapshotter's own database, and that of all content."""


def parse_containerd(info: Mapping[str, Any]) -> str | None:
    """Return the socket of the containerd that keeps the images, or None if the engine keeps them in its data-root.

    `info` is the answer to `GET /info`. Engines before Docker 27 do not name the socket.
    """
    if _SNAPSHOTTER not in (info.get("DriverStatus") or ()):
        return None
    return str((info.get("Containerd") or {}).get("Address") or _USUAL_SOCKET)


def read_image_space(process: Path, containerd: str, data_root: str) -> FreeSpace | None:
    """Return the free space where containerd keeps its layers, None on the data-root's file system, or if unreadable.

    `process` is the engine's directory in /proc, `containerd` the socket of its containerd.
    """
    root = process / "root"
    try:
        listener = find_listener(str(root / containerd.lstrip("/")))
        # The file's own link: containerd's mounts may differ from ours.
        file = next(_databases(_PROC / str(listener)), None)
        if file is None or file.stat().st_dev == (root / data_root.lstrip("/")).stat().st_dev:
            return None
        return read_free_space(file)
    except OSError:
        return None


def find_image_directory(endpoint: str, info: Mapping[str, Any]) -> Path | None:
    """Return the directory on this machine in which containerd keeps the layers for the engine at `endpoint`.

    `info` is that engine's answer to `GET /info`. None if it keeps images in its data-root, or if this process cannot
    see the directory. Where containerd's mounts differ from ours, the path leads through containerd's own.
    """
    containerd = parse_containerd(info)
    try:
        if containerd is None or (daemon := find_daemon(endpoint, info)) is None:
            return None
        process = _PROC / str(find_listener(str(_PROC / str(daemon) / "root" / containerd.lstrip("/"))))
        file = next(_databases(process), None)
        return None if file is None else _directory_of(file, process / "root")
    except OSError:
        return None


def _directory_of(file: Path, root: Path) -> Path | None:
    """Return the directory of an open `file`, of a process whose file system `root` is, by a path that leads there."""
    target = _target(file)
    for path in (Path(target), root / target.lstrip("/")):
        if path.exists() and path.samefile(file):
            return path.parent
    return None


def _databases(process: Path) -> Iterator[Path]:
    """Yield the descriptors of a containerd's databases, as paths in /proc: first those of snapshotters."""
    opened = [(file, _target(file)) for file in (process / "fd").iterdir()]
    for name in _DATABASES:
        yield from (file for file, target in opened if name in target and target.endswith(".db"))


def _target(descriptor: Path) -> str:
    """Return the path of an open file, empty if it has been closed meanwhile."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""
