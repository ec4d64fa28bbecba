"""The databases of a level's engine in memory: nothing waits for a disk then, several dozen times a level.

Those in a data-root are symbolic links into a tmpfs, which has a limit. Layers, volumes, containers and images stay
where they are.
"""

from __future__ import annotations

from pathlib import Path

from inception.plan.paths import CONTAINERD_ROOT

_DATABASES = (
    f"{CONTAINERD_ROOT}/io.containerd.metadata.v1.bolt/meta.db",
    f"{CONTAINERD_ROOT}/io.containerd.snapshotter.v1.overlayfs/metadata.db",
    "buildkit/cache.db",
    "buildkit/containerdmeta.db",
    "buildkit/history.db",
    "buildkit/metadata_v2.db",
    "buildkit/snapshots.db",
    "network/files/local-kv.db",
    "volumes/metadata.db",
)
_DIRECTORY_MODE = 0o711


def move_databases(data_root: Path, memory: Path) -> None:
    """Replace the databases in `data_root` by links to ones in `memory`, with what they hold. Raises OSError."""
    for name in _DATABASES:
        link, target = data_root / name, memory / name.replace("/", "_")
        if link.is_symlink():
            continue
        link.parent.mkdir(_DIRECTORY_MODE, parents=True, exist_ok=True)
        if link.exists():
            target.write_bytes(link.read_bytes())
            link.unlink()
        link.symlink_to(target)
