"""Find and remove the leftovers of dead chains: a crash of the machine or of its engine prevents their unwinding.

A leftover carries our labels or lies in our run root, and no process of its chain lives.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import docker

from inception.chain.remote.start import ensure_mirror
from inception.chain.stopped.records import record_of
from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import EngineError
from inception.image.seed import LABEL_PRELOADS, LABEL_SEED
from inception.linux import lifeline
from inception.places import run_root
from inception.plan.chain import LABEL_CHAIN, LABEL_FLEET, LABEL_KEPT, LABEL_LEVEL, LABEL_STOPPED, ChainPlan
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import is_name
from inception.plan.run_root import RunRootSource
from inception.probe.helper_container import LABEL_HELPER
from inception.probe.surroundings import Surroundings, find_surroundings

_YOUNG_S = 5.0
"""Seconds within which a client that makes a run directory takes its lifeline."""
_STEP_S = 60.0
"""Seconds within which a client uses what a helper container has done."""
_ENDED = frozenset({"created", "exited", "dead"})


class Kind(StrEnum):
    """Kind of a leftover."""

    RUN_DIRECTORY = "run directory"
    CONTAINER = "container"
    HELPER = "helper"
    VOLUME = "volume"
    SEED = "seed"
    FLEET_VOLUME = "fleet volume"


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing left of the chain named `chain`; `handle` is a path, or a name in the engine.

    A seed with preloads is made for a set of images that may not come again; it belongs to no chain. A fleet volume is
    that of a task whose node left its Swarm; `chain` is its fleet. A helper is a container that a client made for a
    single step, and was killed then.
    """

    kind: Kind
    handle: str
    chain: str

    def __str__(self) -> str:
        """Return the leftover in words, as `inception prune` prints it."""
        if self.kind is Kind.SEED:
            return f"seed {self.handle} with preloads, which no chain uses"
        if self.kind is Kind.HELPER:
            return f"container {self.handle} of a client that was killed"
        if self.kind is Kind.FLEET_VOLUME:
            return f"volume {self.handle} of fleet {self.chain}, whose task is gone"
        return f"{self.kind} {self.handle} of chain {self.chain}"


def leftovers_on_engine(engine: Engine) -> tuple[Leftover, ...]:
    """Return all leftovers of dead chains on an engine, in the order to remove them. Raises EngineError."""
    client, root = engine.client, run_root()
    with translated("looking for leftovers of chains"):
        surroundings = (
            find_surroundings(client, endpoint=engine.endpoint, info=client.info(), run_root=root)
            if engine.local
            else Surroundings()
        )
        levels = _containers(client, partial(run_root_here, surroundings, root))
        finders = (_forgotten, _helpers, _volumes, _seeds, _fleet_volumes)
        return (*levels, *(it for find in finders for it in find(client)))


def remove_leftover(client: docker.APIClient, leftover: Leftover) -> None:
    """Remove a container or a volume from its engine. Raises EngineError."""
    with translated(f"removing {leftover}"), suppress(docker.errors.NotFound):
        if leftover.kind in {Kind.CONTAINER, Kind.HELPER}:
            client.remove_container(leftover.handle, force=True, v=True)
        else:
            client.remove_volume(leftover.handle)


def leftovers_in_run_root(root: Path) -> Iterator[Leftover]:
    """Yield the run directories of dead chains in the run root `root`."""
    if not root.is_dir():
        return
    for directory in sorted(root.iterdir()):
        # A run root may be shared: other users' directories, and links, are not ours to remove.
        own = is_name(directory.name) and directory.lstat().st_uid == os.geteuid() and not directory.is_symlink()
        if own and directory.is_dir() and not _may_live_elsewhere(directory) and _is_dead(directory):
            yield Leftover(kind=Kind.RUN_DIRECTORY, handle=str(directory), chain=directory.name)


def _may_live_elsewhere(directory: Path) -> bool:
    """Return whether the chain is on a remote engine that does not answer; if it does, have its state mirrored."""
    try:
        plan = ChainPlan.from_json((directory / "plan.json").read_text())
        if Path(plan.run_directory).samefile(directory):
            ensure_mirror(plan)
    except (OSError, ValueError):
        return False
    except EngineError:
        return True
    return False


def _is_dead(directory: Path) -> bool:
    """Return whether neither a client nor a runner of the chain lives."""
    if abs(time.time() - directory.stat().st_mtime) < _YOUNG_S and not (directory / "plan.json").exists():
        return False
    levels = [child for child in directory.iterdir() if child.name.isdecimal()]
    return not any(lifeline.is_held(level / name) for level in levels for name in ("lifeline", "alive"))


def run_root_here(surroundings: Surroundings, root: Path, mount: Mapping[str, Any]) -> Path | None:
    """Return the run root that a level 1 has as `mount`, an engine's description, at its path here.

    `root` is this client's own. None is the answer where the client does not see it, and for what is no run root.
    """
    if not surroundings.shares_run_root:
        return None
    if not surroundings.in_container:
        return Path(mount["Source"]) if mount["Type"] == "bind" else None
    ours = surroundings.run_root_source or RunRootSource(path=str(root))
    volume = mount["Type"] == "volume"
    return root if RunRootSource(path=mount["Name" if volume else "Source"], volume=volume) == ours else None


def _containers(client: docker.APIClient, root_here: Callable[[Mapping[str, Any]], Path | None]) -> Iterator[Leftover]:
    for container in client.containers(all=True, filters={"label": LABEL_CHAIN}):
        chain = container["Labels"][LABEL_CHAIN]
        # Level 1 has the run root, each deeper one the run directory alone.
        inside = chain if container["Labels"].get(LABEL_LEVEL) == "1" else ""
        roots = tuple(map(root_here, container.get("Mounts") or ()))
        if _is_leftover(container["State"], tuple(root / inside for root in roots if root is not None)):
            yield Leftover(kind=Kind.CONTAINER, handle=container["Names"][0].lstrip("/"), chain=chain)


def _forgotten(client: docker.APIClient) -> Iterator[Leftover]:
    """Yield the containers that keep the data of chains which can no longer be started."""
    for container in client.containers(all=True, filters={"label": LABEL_STOPPED}):
        record = Path(container["Labels"][LABEL_STOPPED])
        if _is_forgotten(record, container["Labels"][LABEL_KEPT]):
            chain = container["Labels"][LABEL_KEPT]
            yield Leftover(kind=Kind.CONTAINER, handle=container["Names"][0].lstrip("/"), chain=chain)


def _helpers(client: docker.APIClient) -> Iterator[Leftover]:
    """Yield the ended helper containers that no client can still need: it removes its own when they end."""
    for container in client.containers(all=True, filters={"label": LABEL_HELPER}):
        if container["State"] in _ENDED and abs(time.time() - container["Created"]) > _STEP_S:
            yield Leftover(kind=Kind.HELPER, handle=container["Names"][0].lstrip("/"), chain="")


def _is_forgotten(record: Path, chain: str) -> bool:
    """Return whether a stopped chain can no longer be started: the record is not where this client would write it."""
    return record == record_of(chain) and record.parent.is_dir() and not record.exists()


def _is_leftover(state: str, directories: tuple[Path, ...]) -> bool:
    """Return whether a chain is dead whose level 1 is in `state` and whose run directory is one of `directories`.

    Where no run directory is seen from here, a level 1 that runs is left alone: a client there may hold its lifeline.
    """
    if not directories:
        return state in _ENDED
    return all(not directory.is_dir() or _is_dead(directory) for directory in directories)


def _volumes(client: docker.APIClient) -> Iterator[Leftover]:
    """Yield the volumes of levels that no container uses: the others are removed together with their container."""
    used = {
        mount["Name"]
        for label in (LABEL_CHAIN, LABEL_STOPPED)
        for container in client.containers(all=True, filters={"label": label})
        for mount in container.get("Mounts") or ()
        if mount["Type"] == "volume"
    }
    for volume in client.volumes(filters={"label": LABEL_CHAIN}).get("Volumes") or ():
        if volume["Name"] not in used and LABEL_SEED not in volume["Labels"]:
            yield Leftover(kind=Kind.VOLUME, handle=volume["Name"], chain=volume["Labels"][LABEL_CHAIN])


def _seeds(client: docker.APIClient) -> Iterator[Leftover]:
    """Yield the seeds with preloads that no container uses: each set of images has made one."""
    for volume in _unused(client, LABEL_PRELOADS):
        yield Leftover(kind=Kind.SEED, handle=volume["Name"], chain="")


def _fleet_volumes(client: docker.APIClient) -> Iterator[Leftover]:
    """Yield the volumes of fleets' tasks that no container uses: an engine that leaves its Swarm keeps them."""
    for volume in _unused(client, LABEL_FLEET):
        yield Leftover(kind=Kind.FLEET_VOLUME, handle=volume["Name"], chain=volume["Labels"][LABEL_FLEET])


def _unused(client: docker.APIClient, label: str) -> list[Mapping[str, Any]]:
    """Return the volumes with a label that no container uses."""
    return client.volumes(filters={"label": label, "dangling": True}).get("Volumes") or []
