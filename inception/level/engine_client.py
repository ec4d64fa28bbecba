"""Client of a level's engine. Importing the Docker SDK takes 0.12 s, so it is done while dockerd boots anyway."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import docker
from requests import Response
from requests.exceptions import RequestException

from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan

API_VERSION = "1.41"
"""Version for every level's engine: the oldest with all that is used (CgroupnsMode), so that none is negotiated."""
ENGINE_GONE = (docker.errors.DockerException, RequestException, OSError)
"""Exceptions raised where no engine answers, or where one answers with an error."""
_log = logging.getLogger(__name__)
_LOADED = re.compile(r"^Loaded image(?: ID)?: (\S+)", re.MULTILINE)


def connect_level(plan: ChainPlan, number: int) -> docker.APIClient:
    """Return a client of the engine of level `number`; its requests may take as long as the longest phase."""
    address = f"unix://{plan.paths.socket(number)}"
    return logged(docker.APIClient(base_url=address, version=API_VERSION, timeout=int(plan.limits.image_s)), address)


def logged(client: docker.APIClient, address: str) -> docker.APIClient:
    """Log each answer of the engine at `address` to `client` at level DEBUG; return `client`."""

    def log(response: Response, **_: object) -> None:
        request, took_ms = response.request, response.elapsed / timedelta(milliseconds=1)
        _log.debug("%s: %s %s: %d in %.1f ms", address, request.method, request.path_url, response.status_code, took_ms)

    client.hooks["response"].append(log)
    return client


def knows_image(client: docker.APIClient, image: str, image_id: str) -> bool:
    """Return whether the engine has `image` with the id `image_id`."""
    try:
        return bool(client.inspect_image(image)["Id"] == image_id)
    except docker.errors.ImageNotFound:
        return False


def load_tarball(client: docker.APIClient, tarball: Path) -> str | None:
    """Load a tarball; return the name (or id) of its last image. Raises PhaseError if the engine refuses."""
    loaded = None
    with tarball.open("rb") as stream:
        for message in client.load_image(stream):
            if "error" in message:
                raise PhaseError(f"docker load: {message['error']}")
            if (named := _LOADED.search(message.get("stream", ""))) is not None:
                loaded = named[1]
    return loaded


def load_as(client: docker.APIClient, tarball: Path, image: str) -> None:
    """Load the one image of a tarball and name it `image`. Raises PhaseError, docker.errors.APIError.

    A Podman saves `app:1` as `localhost/app:1`, which is another name to a Docker.
    """
    loaded = load_tarball(client, tarball)
    if loaded not in {None, image}:
        client.tag(loaded, image)
