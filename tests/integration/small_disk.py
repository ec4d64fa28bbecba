"""Mount a small file system for a test, in the mount namespace of a private engine, too.

A mount of ours may not propagate into that namespace. The same file system is therefore moved there with
open_tree(2) and move_mount(2), which nsenter(1) and mount(8) do not offer across namespaces.
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
from inception.engine.private.layout import private_engine_directory
from inception.linux.mounts import parse_mountinfo

# include/uapi/asm-generic/unistd.h, include/uapi/linux/mount.h, fcntl.h and sched.h
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_AT_FDCWD = -100
_CLONE_NEWNS = 0x00020000

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def small_disk(engine: Engine, path: Path) -> Iterator[Callable[[str], None]]:
    """Mount an empty tmpfs at `path`, which must not exist; give a function that sets its mount options."""

    def limit(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)

    path.mkdir()
    try:
        kernel.mount_tmpfs(path)
        try:
            with _visible_to(engine, path):
                yield limit
        finally:
            kernel.detach(path)
    finally:
        path.rmdir()


@contextmanager
def _visible_to(engine: Engine, path: Path) -> Iterator[None]:
    pid = private_engine_directory().exec_root / "docker.pid"
    namespace = f"/proc/{pid.read_text()}" if engine.private else "/proc/self"
    if any(mount.target == path for mount in parse_mountinfo(Path(namespace, "mountinfo").read_text())):
        yield
        return
    _enter(namespace, path, "attach")
    try:
        yield
    finally:
        _enter(namespace, path, "detach")


def _enter(namespace: str, path: Path, action: str) -> None:
    # setns(2): only a process with a single thread may change its mount namespace.
    subprocess.run([sys.executable, __file__, f"{namespace}/ns/mnt", str(path), action], check=True)


def _call(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _main(namespace: str, path: str, action: str) -> None:
    target = os.fsencode(path)
    tree = _call(_libc.syscall(_OPEN_TREE, _AT_FDCWD, target, _OPEN_TREE_CLONE)) if action == "attach" else None
    with Path(namespace).open("rb") as file:
        _call(_libc.setns(file.fileno(), _CLONE_NEWNS))
    if tree is None:
        kernel.detach(Path(path))
    else:
        _call(_libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target, _MOVE_MOUNT_F_EMPTY_PATH))


if __name__ == "__main__":
    _main(*sys.argv[1:])
