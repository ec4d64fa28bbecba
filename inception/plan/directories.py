"""Paths that a level's first steps need, as text: importing `pathlib` takes longer than those steps do."""

from __future__ import annotations

DATA_ROOT = "/var/lib/docker"
"""Data-root of each level's engine."""

CONTAINERD_ROOT = "containerd-root"
"""Directory of containerd's content in a data-root."""

DATABASES_DIRECTORY = "/var/lib/inception/databases"
"""Mount point of the tmpfs that holds the databases of a level's engine, if they are kept in memory."""


def log_of(level_directory: str, program: str) -> str:
    """Return the log of `program` (runner, containerd or dockerd) in the directory of its level."""
    return f"{level_directory}/{program}.log"
