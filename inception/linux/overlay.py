"""Tries whether a directory can hold the upper directory of an overlay, as an engine's data-root must."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inception.linux.mounts import MountOverlay, unmount


def carries_overlay(directory: Path) -> bool:
    """Mount an overlay in `directory` for a moment, remove a file of its lower layer; return whether both worked.

    Removing leaves a whiteout in the upper directory, which not every file system can hold.
    """
    with tempfile.TemporaryDirectory(prefix=".overlay-", dir=directory) as name:
        lower, upper, work, merged = (Path(name, part) for part in ("lower", "upper", "work", "merged"))
        for path in (lower, upper, work, merged):
            path.mkdir()
        (lower / "file").touch()
        try:
            MountOverlay(lower=lower, upper=upper, work=work, target=merged).execute()
        except OSError:
            return False
        try:
            (merged / "file").unlink()
        except OSError:
            return False
        finally:
            unmount(merged)
    return True
