"""Tells whether a file system is full."""

from __future__ import annotations

import os

_FULL_BYTES = 1 << 20
_FULL_FRACTION = 0.01


def is_full(path: str | os.PathLike[str]) -> bool:
    """Return whether the file system of `path` has next to no bytes or no inodes left. Raises OSError."""
    disk = os.statvfs(path)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    # Some file systems count no inodes.
    return free < max(_FULL_BYTES, min(size * _FULL_FRACTION, 16 * _FULL_BYTES)) or disk.f_favail == 0 < disk.f_files
