"""Locks that die with their holder: how a level learns that whoever it lives for is gone.

flock(2) locks belong to an open file description, which the kernel closes when its last process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path


def hold(path: Path) -> int:
    """Take `path`'s lock and return its descriptor: close it to let go. Raises BlockingIOError if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def call_when_free(path: Path, callback: Callable[[], None]) -> None:
    """Call `callback`, from a thread of its own, as soon as nobody holds `path`'s lock."""

    def wait() -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)
        callback()

    threading.Thread(target=wait, name=f"lifeline {path.name}", daemon=True).start()
