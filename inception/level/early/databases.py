"""The databases of a level's engine in memory: nothing waits for a disk then, several dozen times a level.

Those in a data-root are symbolic links into a tmpfs, which has a limit. Layers, volumes, containers and images stay
where they are.
"""

from __future__ import annotations

import os

from inception.plan.directories import CONTAINERD_ROOT

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


def move_databases(data_root: str | os.PathLike[str], memory: str | os.PathLike[str]) -> None:
    """Replace the databases in `data_root` by links to ones in `memory`, with what they hold. Raises OSError."""
    for name in _DATABASES:
        link = os.path.join(data_root, name)
        target = os.path.join(memory, name.replace("/", "_"))
        if os.path.islink(link):
            continue
        os.makedirs(os.path.dirname(link), _DIRECTORY_MODE, exist_ok=True)
        try:
            with open(link, "rb") as found:
                content = found.read()
        except FileNotFoundError:
            pass
        else:
            with open(target, "wb") as moved:
                moved.write(content)
            os.unlink(link)
        os.symlink(target, link)
