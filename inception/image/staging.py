"""Make the temporary directory of one build. The next build removes that of one that was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inception.linux import flock

_PREFIX = "inception-image-"
_OPEN_TO_READ = 0o755


@contextmanager
def staging_directory() -> Iterator[Path]:
    """Make a directory below TMPDIR that all users can read; remove it and its content after the block."""
    _remove_stale()
    # It is locked before it gets its final name, by which other builds look for stale directories.
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flock.take(descriptor, flock.Mode.EXCLUSIVE)
        made = made.rename(made.with_name(made.name.removeprefix(".")))
        made.chmod(_OPEN_TO_READ)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def _remove_stale() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if path.lstat().st_uid != os.geteuid() or not path.is_dir() or path.is_symlink():
            continue
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if flock.try_take(descriptor, flock.Mode.EXCLUSIVE):  # Otherwise its build is running.
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)
