"""Call a function in a namespace of another process, and find the one that its threads share."""

from __future__ import annotations

import ctypes
import os
from collections import Counter
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


def at_home(process: Path, kind: Literal["net", "uts"]) -> Path:
    """Return the directory in /proc of a thread that is in the namespace of most threads of `process`.

    It is `process` itself, its first thread, wherever that is as good. Podman's may stay in a container's network.
    Raises FileNotFoundError if the process has ended.
    """
    try:
        namespaces = {thread: _namespace(thread, kind) for thread in (process / "task").iterdir()}
        home = _namespace(process, kind)
    except PermissionError:
        return process
    counts = Counter(namespace for namespace in namespaces.values() if namespace is not None)
    if home is None or counts[home] == max(counts.values(), default=0):
        return process
    ((most, _),) = counts.most_common(1)
    return next(thread for thread, namespace in namespaces.items() if namespace == most)


def _namespace(thread: Path, kind: str) -> Path | None:
    try:
        return (thread / "ns" / kind).readlink()
    except (FileNotFoundError, ProcessLookupError):  # It ended meanwhile.
        return None


def _read_inside(namespace: int, read: Callable[[], T]) -> T:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0) != 0:  # 0: whichever kind of namespace it is.
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return read()
