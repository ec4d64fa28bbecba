"""Where things lie on this machine: the run root, one directory a chain, and the state directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PRIVATE = 0o700


def run_root() -> Path:
    """Where run directories are made: INCEPTION_RUN_ROOT, or the system's or the user's place for such things."""
    if configured := os.environ.get("INCEPTION_RUN_ROOT"):
        return Path(configured).absolute()
    if os.geteuid() == 0:
        return Path("/run/inception")
    return Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")) / "inception"


def state_directory() -> Path:
    """Where things are kept between chains: INCEPTION_STATE_DIR, or the system's or the user's place for them."""
    if configured := os.environ.get("INCEPTION_STATE_DIR"):
        return Path(configured).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/inception")
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "inception"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of the state directory: one process at a time does what is inside."""
    directory = state_directory()
    directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    descriptor = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
