"""What chains have left behind whose end nobody could see to: after a crash of the machine or of its engine.

Only what carries our labels, or lies in our run root, and only where no process of the chain lives any more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import docker

from inception.engine.translate import translated
from inception.image.seed import LABEL_SEED
from inception.linux import lifeline
from inception.plan.chain import LABEL_CHAIN
from inception.plan.request import is_name

_YOUNG_S = 5.0
"""Seconds in which whoever makes a run directory takes its lifeline."""
_ENDED = frozenset({"created", "exited", "dead"})


class Kind(StrEnum):
    """What a leftover is."""

    RUN_DIRECTORY = "run directory"
    CONTAINER = "container"
    VOLUME = "volume"


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing that is left of chain `chain`; `handle` is its path, or what the engine calls it."""

    kind: Kind
    handle: str
    chain: str

    def __str__(self) -> str:
        return f"{self.kind} {self.handle} of chain {self.chain}"


def left_on(client: docker.APIClient) -> tuple[Leftover, ...]:
    """All that is left of dead chains on an engine, in the order to remove it. Raises EngineError."""
    with translated("looking for what chains have left"):
        return (*_containers(client), *_volumes(client))


def remove_from(client: docker.APIClient, leftover: Leftover) -> None:
    """Remove a container or a volume from its engine. Raises EngineError."""
    with translated(f"removing {leftover}"), suppress(docker.errors.NotFound):
        if leftover.kind is Kind.CONTAINER:
            client.remove_container(leftover.handle, force=True, v=True)
        else:
            client.remove_volume(leftover.handle)


def left_in(root: Path) -> Iterator[Leftover]:
    """The run directories of dead chains in a run root."""
    if not root.is_dir():
        return
    for directory in sorted(root.iterdir()):
        # What others keep in a root that they share with us is theirs.
        own = is_name(directory.name) and directory.lstat().st_uid == os.geteuid() and not directory.is_symlink()
        if own and directory.is_dir() and _is_dead(directory):
            yield Leftover(kind=Kind.RUN_DIRECTORY, handle=str(directory), chain=directory.name)


def _is_dead(directory: Path) -> bool:
    """Whether neither a client nor a level of the chain lives."""
    if abs(time.time() - directory.stat().st_mtime) < _YOUNG_S and not (directory / "plan.json").exists():
        return False
    levels = [child for child in directory.iterdir() if child.name.isdecimal()]
    return not any(lifeline.is_held(level / name) for level in levels for name in ("lifeline", "alive"))


def _containers(client: docker.APIClient) -> Iterator[Leftover]:
    for container in client.containers(all=True, filters={"label": LABEL_CHAIN}):
        chain = container["Labels"][LABEL_CHAIN]
        if _is_left(container, chain):
            yield Leftover(kind=Kind.CONTAINER, handle=container["Names"][0].lstrip("/"), chain=chain)


def _is_left(container: dict[str, Any], chain: str) -> bool:
    """Whether nobody lives in the run directory of this level, which need not be in our run root."""
    roots = [
        it["Source"]
        for it in container.get("Mounts") or ()
        if it["Type"] == "bind" and it["Source"] == it["Destination"]
    ]
    if not roots:
        return container["State"] in _ENDED
    directories = [Path(root) / chain for root in roots]
    return all(not directory.is_dir() or _is_dead(directory) for directory in directories)


def _volumes(client: docker.APIClient) -> Iterator[Leftover]:
    """Volumes of levels that no container has: with a container, its volume goes by itself."""
    used = {
        mount["Name"]
        for container in client.containers(all=True, filters={"label": LABEL_CHAIN})
        for mount in container.get("Mounts") or ()
        if mount["Type"] == "volume"
    }
    for volume in client.volumes(filters={"label": LABEL_CHAIN}).get("Volumes") or ():
        if volume["Name"] not in used and LABEL_SEED not in volume["Labels"]:
            yield Leftover(kind=Kind.VOLUME, handle=volume["Name"], chain=volume["Labels"][LABEL_CHAIN])
