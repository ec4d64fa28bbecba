"""Locks of flock(2): the kernel drops one when the last descriptor of its open file closes, however its holder ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from inception.linux import files
from inception.linux.retry import retry

_POLL_S = 0.01


class Mode(IntEnum):
    """Ways to hold a lock: shared with others, or alone."""

    SHARED = fcntl.LOCK_SH
    EXCLUSIVE = fcntl.LOCK_EX


def open_file(path: Path) -> int:
    """Open the lock file `path`, made if need be; return its descriptor. Closing it drops the lock. Raises OSError."""
    return files.open_regular(path, os.O_RDWR | os.O_CREAT)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open the lock file `path`, made if need be; yield its descriptor, and close it in the end. Raises OSError."""
    descriptor = open_file(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def take(descriptor: int, mode: Mode) -> None:
    """Take the lock, waiting until it is free. A lock held through `descriptor` already is exchanged."""
    fcntl.flock(descriptor, mode)


def try_take(descriptor: int, mode: Mode) -> bool:
    """Take the lock if it is free; return whether it was. One held through `descriptor` is exchanged, or lost."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_within(descriptor: int, mode: Mode, limit_s: float) -> None:
    """Take the lock as soon as it is free. Raises BlockingIOError after `limit_s` seconds.

    Polled, as flock(2) has no time limit of its own.
    """

    def take_now() -> None:
        if not try_take(descriptor, mode):
            raise BlockingIOError(errno.EWOULDBLOCK, f"lock not free within {limit_s:g} s")

    retry(take_now, errors=BlockingIOError, limit_s=limit_s, pause_s=_POLL_S)


def release(descriptor: int) -> None:
    """Release the lock, and keep the file open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def held(path: Path, mode: Mode = Mode.EXCLUSIVE, *, limit_s: float | None = None) -> Iterator[int]:
    """Hold the lock of the file `path`, made if need be; yield its descriptor.

    Without `limit_s` this waits as long as need be. Raises BlockingIOError if it is not free after that many seconds.
    """
    with opened(path) as descriptor:
        if limit_s is None:
            take(descriptor, mode)
        else:
            take_within(descriptor, mode, limit_s)
        yield descriptor


def is_free(path: Path) -> bool:
    """Return whether nobody holds the lock of `path` exclusively, or no such regular file exists. Raises OSError.

    The lock is taken for a moment, shared.
    """
    try:
        descriptor = files.open_regular(path)
    except OSError as error:
        if error.errno in files.NOT_REGULAR or isinstance(error, FileNotFoundError):
            return True
        raise
    try:
        return try_take(descriptor, Mode.SHARED)
    finally:
        os.close(descriptor)
