"""A small file system of a test's own, which a private engine sees as well.

Such an engine has a mount namespace of its own, which what is mounted later may not come into. So the very same file
system is put there, by the calls that nsenter and mount have no words for.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inception.engine.connect import Engine
from inception.engine.private import kernel
from inception.engine.private.layout import EngineDirectory
from inception.linux.mounts import parse_mountinfo
from inception.places import state_directory

# include/uapi/asm-generic/unistd.h, include/uapi/linux/mount.h, fcntl.h and sched.h
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_AT_FDCWD = -100
_CLONE_NEWNS = 0x00020000

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def small_disk(engine: Engine, path: Path) -> Iterator[Callable[[str], None]]:
    """An empty tmpfs at `path`, which must not be there; gives a function that sets its limits, as mount(8) does."""

    def limit(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)

    path.mkdir()
    try:
        kernel.mount_tmpfs(path)
        try:
            with _seen_by(engine, path):
                yield limit
        finally:
            kernel.detach(path)
    finally:
        path.rmdir()


@contextmanager
def _seen_by(engine: Engine, path: Path) -> Iterator[None]:
    pid = EngineDirectory(state_directory() / "engine").exec_root / "docker.pid"
    namespace = f"/proc/{pid.read_text()}" if engine.private else "/proc/self"
    if any(mount.target == path for mount in parse_mountinfo(Path(namespace, "mountinfo").read_text())):
        yield
        return
    _enter(namespace, path, "show")
    try:
        yield
    finally:
        _enter(namespace, path, "hide")


def _enter(namespace: str, path: Path, errand: str) -> None:
    # In a process of its own: only one with a single thread may change its mount namespace.
    subprocess.run([sys.executable, __file__, f"{namespace}/ns/mnt", str(path), errand], check=True)


def _call(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _main(namespace: str, path: str, errand: str) -> None:
    target = os.fsencode(path)
    tree = _call(_libc.syscall(_OPEN_TREE, _AT_FDCWD, target, _OPEN_TREE_CLONE)) if errand == "show" else None
    with Path(namespace).open("rb") as there:
        _call(_libc.setns(there.fileno(), _CLONE_NEWNS))
    if tree is None:
        kernel.detach(Path(path))
    else:
        _call(_libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target, _MOVE_MOUNT_F_EMPTY_PATH))


if __name__ == "__main__":
    _main(*sys.argv[1:])
