"""System calls without a function in Python 3.11: namespaces and mounts."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# include/uapi/linux/sched.h and mount.h, include/linux/fs.h
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_SLAVE = 0x80000
_MNT_DETACH = 0x2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Move the calling thread, and processes that it starts, into new namespaces. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def separate_mounts() -> None:
    """Move this process into a mount namespace that sees the host's mounts, but not vice versa. Raises OSError.

    A slave rather than private: a file system that the host unmounts later would else stay busy in here.
    """
    unshare(CLONE_NEWNS)
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None), "/")


def mount_tmpfs(target: Path) -> None:
    """Mount an empty tmpfs over the directory `target`. Raises OSError."""
    _check(_libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", 0, b"mode=711"), str(target))


def bind(source: Path, target: Path) -> None:
    """Bind-mount the file or directory `source` at `target`. Raises OSError."""
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None), str(target))


def detach(target: Path) -> None:
    """Detach the uppermost mount at `target`, even while it is in use. Raises OSError."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), str(target))
