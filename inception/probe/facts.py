"""Reads all facts that a plan is made from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound

from inception.errors import EngineError
from inception.plan.facts import Facts
from inception.probe import capabilities, engine
from inception.probe.daemon import find_daemon, sees_directory
from inception.probe.host import HostReading, NotAllowed, Subject, read_host


def read_facts(client: docker.APIClient, *, endpoint: str, local: bool, image_id: str, run_root: str) -> Facts:
    """Read the engine and its machine; nothing is changed and nothing left behind.

    `local` says that the engine is reached on this machine; the facts say so only if it also sees `run_root` as we do.
    Raises docker.errors.APIError where the engine refuses an answer, EngineError where its machine cannot be read.
    """
    info: dict[str, Any] = client.info()
    version: dict[str, Any] = client.version()
    daemon = find_daemon(endpoint) if local else None
    reading = _read(daemon, info)
    return Facts(
        engine=engine.parse_engine(
            info=info,
            version=version,
            networks=engine.parse_networks(client.networks()),
            capabilities=capabilities.decide(
                known=capabilities.ask_known(client), held=capabilities.names_in(reading.bounding_set)
            ),
            endpoint=endpoint,
            local=daemon is not None and sees_directory(daemon, Path(run_root)),
        ),
        host=reading.host,
        run_root=run_root,
        image_id=image_id,
        image_size=_image_size(client, image_id),
    )


def _image_size(client: docker.APIClient, image_id: str) -> int | None:
    """Bytes of the image, unpacked; None if it is not there."""
    if not image_id:
        return None
    try:
        return int(client.inspect_image(image_id)["Size"])
    except ImageNotFound:
        return None


def _read(daemon: int | None, info: dict[str, Any]) -> HostReading:
    """Read the engine's machine, through its process."""
    if daemon is not None:
        try:
            return read_host(
                Subject(
                    daemon=daemon,
                    data_root=info["DockerRootDir"],
                    storage_driver=info["Driver"],
                    owner_uid=os.getuid(),
                    owner_gid=os.getgid(),
                )
            )
        except NotAllowed:
            pass
    raise EngineError(
        f"the machine of the engine {info['Name']} cannot be read from here", remedy="run this as root on that machine"
    )
