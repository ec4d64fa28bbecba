"""Locks that die with their holder: how a level learns that whoever it lives for is gone.

flock(2) locks belong to an open file description, which the kernel closes when its last process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from inception.linux.retry import retry

_HELD = b"held\n"
_READY = b"ready\n"
_POLL_S = 0.01
_BEING_LOOKED_AT_S = 1.0
"""Whoever looks whether a lock is free holds it for a moment."""


def hold(path: Path) -> int:
    """Take `path`'s lock and return its descriptor: close it to let go. Raises BlockingIOError if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def lock() -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    try:
        retry(lock, errors=BlockingIOError, limit_s=_BEING_LOOKED_AT_S, pause_s=_POLL_S)
        os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    with suppress(OSError):  # On a full disk the lock alone must do.
        os.pwrite(descriptor, _HELD, 0)
    return descriptor


class Lifeline:
    """A level's own, which it can let go of and take again: whatever is below ends, and it itself does not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Hold it from now on. Raises BlockingIOError if another does."""
        if self._descriptor is None:
            self._descriptor = hold(self._path)

    def let_go(self) -> None:
        """Let the level below end."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def say_ready(held: int) -> None:
    """Let everybody know that the level which holds this lock has an engine that answers."""
    os.pwrite(held, _READY, 0)


def is_ready(path: Path) -> bool:
    """Whether the last holder of `path`'s lock said that it is ready."""
    try:
        return path.read_bytes() == _READY
    except OSError:
        return False


def was_held(path: Path) -> bool:
    """Whether `path`'s lock has ever been held: its file may have been made beforehand, for its holder."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether somebody holds `path`'s lock. Raises OSError where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def call_when_free(path: Path, callback: Callable[[], None], *, held_within_s: float = 0.0) -> None:
    """Call `callback`, from a thread of its own, as soon as nobody holds `path`'s lock.

    Whoever is to hold it may come as late as `held_within_s` seconds from now.
    """

    def wait() -> None:
        deadline_s = time.monotonic() + held_within_s
        while time.monotonic() < deadline_s and not is_held(path):
            time.sleep(_POLL_S)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)
        callback()

    threading.Thread(target=wait, name=f"lifeline {path.name}", daemon=True).start()
