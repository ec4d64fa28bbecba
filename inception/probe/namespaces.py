"""Call a function in a namespace of another process."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")


def in_namespace_of(process: Path, kind: Literal["net", "uts"], read: Callable[[], T]) -> T:
    """Call `read` in a namespace of a process (its directory in /proc); return its result.

    Without the right to enter it, `read` is called in this process's: most engines are in the host's, too.
    Raises OSError if the process has ended.
    """
    namespace = process / "ns" / kind
    try:
        if namespace.samefile(f"/proc/self/ns/{kind}"):
            return read()
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return read()
    try:
        # `setns` moves only the thread that calls it, and this thread ends with the block.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(_read_inside, descriptor, read).result()
    finally:
        os.close(descriptor)


def _read_inside(namespace: int, read: Callable[[], T]) -> T:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0) != 0:  # 0: whichever kind of namespace it is.
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return read()
