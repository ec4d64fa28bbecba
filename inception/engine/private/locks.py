"""Locks that die with their holder: the kernel drops a flock(2) when the last descriptor of its open file closes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

_POLL_S = 0.02


class Share(IntEnum):
    """How a lock is held."""

    WITH_OTHERS = fcntl.LOCK_SH
    ALONE = fcntl.LOCK_EX


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the lock file `path`, made if need be. Closing it drops the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, share: Share) -> bool:
    """Take the lock if it is free, at once; a lock already held through `descriptor` is exchanged, or lost."""
    try:
        fcntl.flock(descriptor, share | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Let go, and keep the file open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock(descriptor: int, share: Share, timeout_s: float) -> None:
    """Take the lock as soon as it is free. Raises TimeoutError after `timeout_s` seconds.

    Polled, as flock(2) has no time limit of its own.
    """
    attempts = Retrying(
        retry=retry_if_result(lambda locked: not locked), stop=stop_after_delay(timeout_s), wait=wait_fixed(_POLL_S)
    )
    try:
        attempts(try_lock, descriptor, share)
    except RetryError as error:
        raise TimeoutError(f"lock not free within {timeout_s:g} s") from error


@contextmanager
def held(path: Path, share: Share, timeout_s: float) -> Iterator[int]:
    """Hold the lock of `path`. Raises TimeoutError if it is not free within `timeout_s` seconds."""
    with opened(path) as descriptor:
        lock(descriptor, share, timeout_s)
        yield descriptor


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock of `path` for itself alone, or no such file exists."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor, Share.WITH_OTHERS)
    finally:
        os.close(descriptor)
