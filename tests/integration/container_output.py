"""Runs a container for its output.

On a busy machine dockerd loses, now and then, what a container wrote that ended within milliseconds
(docs/explanation/upstream.md): it gives up an output that a thread of its own is still opening.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import docker
from docker.models.images import Image

LINGER = "sleep 0.3"
"""Keeps a container alive until dockerd has opened the output that a test reads."""


def lingering(*command: str) -> list[str]:
    """Return a command that runs `command`, and a while longer. The image has bash and sleep."""
    return ["bash", "-c", f'"$@" && {LINGER}', "bash", *command]


def archive_of(*programs: str) -> str:
    """Return a shell command that writes a tar archive of `programs`, of sh and sleep, and of their libraries."""
    paths = " ".join(f"/usr/bin/{name}" for name in ("sh", "sleep", *programs))
    return f"tar -C / -ch $(ldd {paths} 2>/dev/null | grep -o '/[^ :]*' | cut -c 2- | sort -u)"


def output_of_container(
    client: docker.DockerClient, image: str | Image, command: Sequence[str], **options: Any
) -> bytes:
    """Run a container, remove it and return what it wrote. The image has bash and sleep.

    The SDK's own `run` with `remove=True` reads that only after the removal, and then it may be gone.
    """
    container = client.containers.run(image, lingering(*command), detach=True, **options)
    try:
        assert container.wait()["StatusCode"] == 0
        written: bytes = container.logs()
    finally:
        container.remove()
    return written
