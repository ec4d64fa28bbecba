"""Remembers what a seed says of itself: reading it takes a container, 0.1 s before each chain.

A record counts for the very volume that it was made of, by its name, its time of creation and its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from inception.linux import files
from inception.places import make_private, state_directory


def find_record(volume: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the description of the seed in `volume`, an engine's answer; None if there is no record of it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(_file(volume).read_text(encoding="utf-8"))
        if record["volume"] == _identity(volume) is not None:
            description: dict[str, Any] = record["description"]
            return description
    return None


def write_record(volume: Mapping[str, Any], description: Mapping[str, Any]) -> None:
    """Record the description of the complete seed in `volume`. Raises InceptionError and OSError."""
    if (identity := _identity(volume)) is None:
        return
    make_private(_file(volume).parent)
    files.replace(_file(volume), json.dumps({"volume": identity, "description": description}) + "\n")


def _file(volume: Mapping[str, Any]) -> Path:
    return state_directory() / "seeds" / f"{volume['Name']}.json"


def _identity(volume: Mapping[str, Any]) -> list[Any] | None:
    """Return what tells a volume from a later one of its name, None if its engine does not say."""
    identity = [volume["Name"], volume.get("CreatedAt"), volume.get("Mountpoint")]
    return identity if all(identity) else None
