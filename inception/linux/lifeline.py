"""Lifelines: locks from whose release a level learns that the level above, or the client, is gone.

A lock is free as soon as its holder has ended, however it ended (`flock`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from inception.linux import files, flock
from inception.linux.lifeline_marks import ENDING, HELD, READY

_POLL_S = 0.01
_TAKE_LIMIT_S = 1.0
"""Seconds for a holder to take a lock: `is_held` of another process takes it for a moment."""


def hold(path: Path) -> int:
    """Take `path`'s lock and return its descriptor: close it to release. Raises BlockingIOError if another holds it."""
    descriptor = flock.open_file(path)
    try:
        flock.take_within(descriptor, flock.Mode.EXCLUSIVE, _TAKE_LIMIT_S)
        os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    with suppress(OSError):  # On a full disk the lock alone must do.
        os.pwrite(descriptor, HELD, 0)
    return descriptor


class Lifeline:
    """Lifeline that a level holds, and can release and take again to end the levels below, while it lives on.

    It is held already where a `descriptor` of its lock is given.
    """

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        self._path = path
        self._descriptor = descriptor

    @property
    def descriptor(self) -> int | None:
        """Descriptor of the lock that is held, or None."""
        return self._descriptor

    def take(self) -> None:
        """Hold it from now on. Raises BlockingIOError if another does."""
        if self._descriptor is None:
            self._descriptor = hold(self._path)

    def mark_ending(self) -> None:
        """Write into it that its holder itself unwinds, before it is released."""
        if self._descriptor is not None:
            with suppress(OSError):  # On a full disk nobody knows, and takes the longer way.
                os.pwrite(self._descriptor, ENDING, 0)

    def release(self) -> None:
        """Release it: the level below unwinds."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def mark_ready(descriptor: int) -> None:
    """Write into the lock file `descriptor` that the engine of the level that holds it answers. Raises OSError."""
    os.pwrite(descriptor, READY, 0)


def is_ready(path: Path) -> bool:
    """Return whether the last holder of `path`'s lock has marked it ready."""
    return _says(path, READY)


def is_ending(path: Path) -> bool:
    """Return whether the last holder of `path`'s lock has marked that it unwinds."""
    return _says(path, ENDING)


def _says(path: Path, mark: bytes) -> bool:
    try:
        return files.read_start(path, len(mark) + 1) == mark
    except OSError:
        return False


def was_held(path: Path) -> bool:
    """Return whether `path`'s lock has ever been held. An empty file has been made beforehand, for its holder."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Return whether a process holds `path`'s lock. Raises OSError where the file cannot be read."""
    return not flock.is_free(path)


def await_free(path: Path, limit_s: float) -> None:
    """Wait until nobody holds `path`'s lock, `limit_s` seconds at most."""
    with suppress(OSError), flock.held(path, flock.Mode.SHARED, limit_s=limit_s):
        pass


def call_when_free(path: Path, callback: Callable[[], None], *, held_within_s: float = 0.0) -> None:
    """Call `callback`, from a thread of its own, as soon as nobody holds `path`'s lock.

    Its holder may take it as late as `held_within_s` seconds from now.
    """

    def wait() -> None:
        deadline_s = time.monotonic() + held_within_s
        while time.monotonic() < deadline_s and not is_held(path):
            time.sleep(_POLL_S)
        with flock.held(path, flock.Mode.SHARED):
            pass
        callback()

    threading.Thread(target=wait, name=f"lifeline {path.name}", daemon=True).start()
