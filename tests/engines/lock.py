"""A lock beside what it is for, so that two runs do not make or use it at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(thing: Path) -> Iterator[None]:
    """Hold the lock of `thing`, which need not exist; wait for it if another process holds it."""
    thing.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(thing.with_name(f"{thing.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
