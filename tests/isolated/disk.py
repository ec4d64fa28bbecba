"""Make the disk that each isolated run gets a copy of: an ext4 image with the level image and its seeds."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from inception.image.recipe import default_tag
from tests.isolated.fill import STORES
from tests.isolated.run import run_isolated
from tests.isolated.slot import Slot

SIZE = "16G"
"""Of the file system. The file is sparse."""
_FILL = (sys.executable, "-m", "tests.isolated.fill")


def template(cache: Path, slot: Slot) -> Path:
    """Return the disk for today's level image, made in `slot` if it is missing. Raises CalledProcessError."""
    cache.mkdir(parents=True, exist_ok=True)
    disk = cache / "-".join((default_tag().rpartition(":")[2], *STORES, "seeds.ext4"))
    lock = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not disk.exists():
            print("making the disk with the level image, once: a minute or two", file=sys.stderr)
            _make(disk, slot)
    finally:
        os.close(lock)
    return disk


def _make(disk: Path, slot: Slot) -> None:
    empty, filled = disk.with_suffix(".empty"), disk.with_suffix(".part")
    subprocess.run(
        ("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1", empty, SIZE),
        stdout=sys.stderr,
        check=True,
    )
    try:
        status = run_isolated(slot, _FILL, disk=empty, save=filled)
        if status != 0:
            raise subprocess.CalledProcessError(status, _FILL)
        filled.rename(disk)
    finally:
        empty.unlink(missing_ok=True)
