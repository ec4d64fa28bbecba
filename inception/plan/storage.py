"""What carries each level's data-root.

An overlay cannot be the upper directory of another overlay, so a data-root must lie on a real file system: a volume of
the engine above, or an ext4 image on a loop device.
"""

from __future__ import annotations

from dataclasses import dataclass

from inception.plan.request import Storage


@dataclass(frozen=True, kw_only=True)
class LevelStorage:
    """One level's data-root: `kind` is never AUTO; `size` is in bytes, where the kind has one."""

    kind: Storage
    size: int | None = None
