"""This level's engine by its API. Importing the SDK takes 0.12 s, so only do so while dockerd boots anyway."""

from __future__ import annotations

from pathlib import Path

import docker

from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan

API_VERSION = "1.41"
"""Spoken to every level's engine: the oldest that knows all we use (CgroupnsMode), so nothing is negotiated."""


def connect_level(plan: ChainPlan, number: int) -> docker.APIClient:
    """A client of the engine of level `number`; no request of it is shorter-lived than the longest phase."""
    socket = plan.paths.socket(number)
    return docker.APIClient(base_url=f"unix://{socket}", version=API_VERSION, timeout=int(plan.limits.image_s))


def knows_image(client: docker.APIClient, image: str, image_id: str) -> bool:
    """Whether the engine has `image` under just that id."""
    try:
        return bool(client.inspect_image(image)["Id"] == image_id)
    except docker.errors.ImageNotFound:
        return False


def load_tarball(client: docker.APIClient, tarball: Path) -> None:
    """`docker load` a tarball. Raises PhaseError with the engine's words if it refuses."""
    with tarball.open("rb") as stream:
        for message in client.load_image(stream):
            if "error" in message:
                raise PhaseError(f"docker load: {message['error']}")
