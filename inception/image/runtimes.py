"""Check that level images have the runtimes that are asked for."""

from __future__ import annotations

from pathlib import PurePosixPath

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.plan.request import Request
from inception.probe.helper_container import helper_container

_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Directories of a level's programs."""


def check_runtimes(client: docker.APIClient, request: Request) -> None:
    """Check that the image of each level has the runtime requested for that level.

    Raises ImageError for the first one that lacks it, and EngineError.
    """
    wanted = {(request.image_of(it), request.runtime_of(it)): it for it in range(request.depth, 0, -1)}
    for (image, runtime), level in sorted(wanted.items(), key=lambda item: item[1]):
        if runtime is not None and not _has_program(client, image, runtime):
            raise ImageError(
                f"the image of level {level}, {image}, has no runtime {runtime}",
                remedy=f"name one that it has, or make an image with it: "
                f"inception image build --package {PurePosixPath(runtime).name}",
            )


def _has_program(client: docker.APIClient, image: str, program: str) -> bool:
    """Return whether the image has the program, a path or a name; nothing of the image is run."""
    places = (program,) if program.startswith("/") else tuple(f"{directory}/{program}" for directory in _PATH)
    with translated(f"looking for {program} in {image}"), helper_container(client, image, ["true"]) as container:
        return any(_exists(client, container, place) for place in places)


def _exists(client: docker.APIClient, container: str, path: str) -> bool:
    try:
        content, _ = client.get_archive(container, path)
    except docker.errors.NotFound:
        return False
    for _ in content:  # It is some MB, and frees the connection.
        pass
    return True
