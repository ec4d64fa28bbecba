"""Keeps a log within a limit: its content moves to a second file, that of the time before is dropped.

The file is copied and truncated, not renamed: a daemon keeps the descriptor that it was started with. It goes on at the
beginning, since it writes with O_APPEND.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from inception.plan.paths import previous_log

LOG_LIMIT = 128 * 1024
"""Bytes of a log, from which on it is rotated: some 700 lines. 256 levels have 768 logs, in a tmpfs as a rule."""
_KEPT = 2
"""Limits that the previous log may take: a log can be above its own by what was written since the last check."""


def rotate(log: Path, *, limit: int = LOG_LIMIT) -> None:
    """Move the content of a `log` of more than `limit` bytes to `previous_log`, in place of the older content there.

    Where there is no room for the copy, the content is lost. A missing log is passed over.
    """
    with suppress(OSError):
        # Asked every other second at each level: opening the file would take five times as long.
        if (size := log.stat().st_size) <= limit:
            return
        with log.open("r+b") as file:
            with suppress(OSError):
                _copy(file, max(0, size - _KEPT * limit), previous_log(log))
            file.truncate(0)


def _copy(file: BinaryIO, start: int, target: Path) -> None:
    """Copy whole lines of `file` from the offset `start` on to `target`, which gets its owner. Raises OSError."""
    owner = os.fstat(file.fileno())
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as copy:
        os.fchown(copy.fileno(), owner.st_uid, owner.st_gid)
        if start > 0:
            file.seek(start - 1)
            file.readline()
        # What is written between the last read and the truncation is lost: so the last read is a short one.
        while part := file.read():
            copy.write(part)
