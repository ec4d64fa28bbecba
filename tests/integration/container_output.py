"""Runs a container for its output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import docker
from docker.models.images import Image


def output_of_container(
    client: docker.DockerClient, image: str | Image, command: Sequence[str], **options: Any
) -> bytes:
    """Run a container, remove it and return what it wrote.

    The SDK's own `run` with `remove=True` reads that only after the removal, and then it may be gone.
    """
    container = client.containers.run(image, list(command), detach=True, **options)
    try:
        assert container.wait()["StatusCode"] == 0
        written: bytes = container.logs()
    finally:
        container.remove()
    return written
