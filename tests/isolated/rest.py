"""Keep the private engine's state as the disk's template has it, and copy it for engines that begin there, too."""

from __future__ import annotations

import subprocess
from pathlib import Path

from inception.engine.private.layout import EngineDirectory

MEMORY = Path("/mnt")
"""Mount point of the memory that holds the disk's file, inside."""
DISK = MEMORY / "disk"
"""Mount point of the disk, inside. A link does not lead from one mount to another: it is made by names below this."""
_AT_REST = DISK / "at-rest"
_UNCHANGING = ("overlay2", "volumes")
"""Parts of a data-root whose files stay as they are: layers, and seeds. A copy has links to them, and takes no room."""
_IDENTITY = ("key.json", "engine-id")


def keep_engine_at_rest(engine: Path) -> None:
    """Keep the state of the private engine in the directory `engine`, if there is one: none of its programs runs."""
    if engine.exists():
        _copy(DISK / engine.relative_to("/"), _AT_REST)


def copy_engine_at_rest(engine: Path) -> None:
    """Make the directory `engine` of a private engine, with the images and seeds of the template."""
    if _AT_REST.exists():
        _copy(_AT_REST, DISK / engine.relative_to("/"))


def _copy(source: Path, target: Path) -> None:
    ours, theirs = EngineDirectory(target), EngineDirectory(source)
    ours.data_root.mkdir(parents=True)
    for entry in (*theirs.data_root.iterdir(), theirs.containerd_root):
        if entry.name not in _IDENTITY:
            link = ["--link"] if entry.name in _UNCHANGING else []
            _cp(*link, entry, (target / entry.relative_to(source)).parent)
    # It changes with each volume.
    _cp("--remove-destination", theirs.data_root / "volumes" / "metadata.db", ours.data_root / "volumes")


def _cp(*arguments: str | Path) -> None:
    subprocess.run(("cp", "--archive", *arguments), check=True)
