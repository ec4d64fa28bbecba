"""Find out where this client runs as the engine sees it: beside it, in a container of it, or elsewhere.

A client in a container that has the engine's socket (as jobs of GitLab and Jenkins have) sees other files, processes
and networks than the engine. What of its files the engine sees is proved: a file that is made here is there.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import docker

from inception.linux.mounts import MountPoint, parse_mountinfo
from inception.plan.light_dataclasses import dataclass
from inception.plan.run_root import RunRootSource
from inception.probe.daemon import find_daemon, sees_directory

_MOUNTINFO = Path("/proc/self/mountinfo")
_CGROUPS = Path("/proc/self/cgroup")
_INIT = 1
"""Process id of a container's main program."""
_ID = re.compile(r"[0-9a-f]{64}")
_BOUND_BY_ENGINES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv")
"""Files that an engine binds into its containers, from directories that have the container's id as their names."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Place of this client, as seen from the engine.

    `daemon` is the engine's process, None if it cannot be seen from here. `shares_run_root`: the engine sees the run
    root, at the path or in the volume `run_root_source` if not at the same path. `in_container`: of that engine.
    """

    daemon: int | None = None
    shares_run_root: bool = False
    run_root_source: RunRootSource | None = None
    in_container: bool = False


def find_surroundings(
    client: docker.APIClient, *, endpoint: str, info: Mapping[str, Any], run_root: Path
) -> Surroundings:
    """Find out where this client runs, as the engine at `endpoint`, a socket of this machine, sees it.

    `info` is the engine's answer to `GET /info`. Raises OSError, or docker.errors.APIError if it refuses an answer.
    """
    if containers := tuple(_own_containers(client)):
        source = _find_run_root(client, containers, run_root)
        elsewhere = None if source == RunRootSource(path=str(run_root)) else source
        # The engine's process, if a PID namespace shows it, is left alone: what is read of it may be half ours.
        return Surroundings(shares_run_root=source is not None, run_root_source=elsewhere, in_container=True)
    daemon = find_daemon(endpoint, info)
    return Surroundings(daemon=daemon, shares_run_root=daemon is not None and sees_directory(daemon, run_root))


def runs_client(client: docker.APIClient) -> bool:
    """Return whether this client runs in a container of the engine. Raises docker.errors.APIError."""
    return any(True for _ in _own_containers(client))


def container_ends_with_us(client: docker.APIClient) -> bool:
    """Return whether this program is the main one of a container of the engine, or its init's only child.

    Raises docker.errors.APIError.
    """
    return _INIT in {os.getpid(), os.getppid()} and runs_client(client)


def parse_container_ids(mountinfo: str, cgroups: str) -> tuple[str, ...]:
    """Return the ids of containers that this process may run in; `cgroups` is the text of /proc/self/cgroup.

    A container in the network of another one has files of that one, so that both ids are found.
    """
    roots = (it.root for it in parse_mountinfo(mountinfo) if str(it.target) in _BOUND_BY_ENGINES)
    found = (name for text in (*cgroups.splitlines(), *map(str, roots)) for name in _ID.findall(text))
    return tuple(dict.fromkeys(found))


def _own_containers(client: docker.APIClient) -> Iterator[Mapping[str, Any]]:
    """Yield the engine's descriptions of the containers that this process may run in."""
    for container_id in parse_container_ids(_MOUNTINFO.read_text(), _CGROUPS.read_text()):
        try:
            yield client.inspect_container(container_id)
        except docker.errors.NotFound:  # It is a container of another engine: one that runs this one, perhaps.
            continue


def _find_run_root(
    client: docker.APIClient, containers: tuple[Mapping[str, Any], ...], run_root: Path
) -> RunRootSource | None:
    """Return the place of the run root on the engine's machine, or None if none of `containers` shares it."""
    resolved = run_root.resolve()
    mount_point = covering(parse_mountinfo(_MOUNTINFO.read_text()), resolved)
    for container in containers:
        source = source_of(container, mount_point.target, resolved)
        if source is not None and _sees_our_files(client, container["Id"], resolved):
            return source
    return None


def covering(mounts: tuple[MountPoint, ...], path: Path) -> MountPoint:
    """Return the mount of `mounts` that `path`, which has no symbolic links, lies on."""
    # Of several mounts at one place the last one lies on top.
    return max(
        (it for it in reversed(mounts) if path.is_relative_to(it.target)), key=lambda mount: len(mount.target.parts)
    )


def source_of(container: Mapping[str, Any], mount_point: Path, path: Path) -> RunRootSource | None:
    """Return what `container`, an engine's description, has mounted at `mount_point`, for `path` on it."""
    for mount in container.get("Mounts") or ():
        if mount["Type"] not in {"bind", "volume"} or Path(mount["Destination"]).resolve() != mount_point:
            continue
        inside = PurePosixPath(path.relative_to(mount_point))
        within = _subpath(container, mount["Destination"])
        if mount["Type"] == "volume" and inside == within == PurePosixPath():
            return RunRootSource(path=mount["Name"], volume=True)
        return RunRootSource(path=str(PurePosixPath(mount["Source"]) / within / inside))
    return None


def _subpath(container: Mapping[str, Any], destination: str) -> PurePosixPath:
    """Return the directory of a volume that `container` has at `destination`: from Docker 26 on it may be a part."""
    asked = (container.get("HostConfig") or {}).get("Mounts") or ()
    options = (it.get("VolumeOptions") or {} for it in asked if it.get("Target") == destination)
    return PurePosixPath(next((it.get("Subpath") or "" for it in options), ""))


def _sees_our_files(client: docker.APIClient, container_id: str, directory: Path) -> bool:
    """Return whether the engine sees, in its container, a file that is made in `directory` or its nearest parent."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(prefix=".inception-", dir=existing) as made:
            archive, _ = client.get_archive(container_id, made.name)
            for _ in archive:  # Read to its end, the connection can be used again.
                pass
    except (OSError, docker.errors.NotFound):
        return False
    return True
