"""Open files that others may have replaced: no link is followed, and no pipe or device is used or waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

NOT_REGULAR = frozenset({errno.EINVAL, errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""Errors of `open_regular` for what is there, but is no regular file: a link, a pipe, a device, a socket."""
_PRIVATE = 0o600


def open_regular(path: Path, flags: int = os.O_RDONLY, *, directory: int | None = None) -> int:
    """Open the regular file `path`, relative to `directory` if given, and return its descriptor.

    Raises OSError, also for a symbolic link and for what is no regular file. A file that O_CREAT makes is this user's
    alone.
    """
    # Without O_NONBLOCK the open of a pipe waits for its other end (open(2)). To a regular file it is nothing.
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, _PRIVATE, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


def read_start(path: Path, limit: int) -> bytes:
    """Return the first `limit` bytes of the regular file `path`, or all. Raises OSError."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(limit)


def read_end(path: Path, limit: int) -> bytes:
    """Return the last `limit` bytes of the regular file `path`, or all. Raises OSError."""
    with os.fdopen(open_regular(path), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return file.read(limit)


def replace(path: Path, content: str) -> None:
    """Replace the file `path` by one with `content`, whole or not at all. Raises OSError."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(open_regular(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
        file.write(content)
    draft.replace(path)
