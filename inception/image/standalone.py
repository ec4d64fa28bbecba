"""Make the standalone image: a level image with the program in it, for `docker run`.

A level gets its program from the client, so the level image has none. Without a client the image must contain it: one
more layer, made in a second, and made anew when the program or the level image has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.recipe import LABEL_MADE_OF
from inception.image.store import remove_superseded
from inception.payload import payload_archive, payload_digest
from inception.places import locked
from inception.plan.paths import DATA_ROOT
from inception.plan.protocol import Program

STANDALONE_TAG = "inception:latest"
LABEL_PROGRAM = "inception.program"
"""Label of the image: the digest of the program in it."""
_MODULES = "/usr/lib/python3/dist-packages"
_SETTINGS = (
    # Isolated: the PYTHON variables of a user are for the user's own programs.
    f'ENTRYPOINT ["tini", "-s", "--", "python3", "-I", "-m", "{Program.STANDALONE}"]',
    # An overlay cannot have its upper directory on a container's file system, itself an overlay.
    f'VOLUME ["{DATA_ROOT}"]',
)
_NS = 10**9
_HEALTH_CHECK = {
    "Test": ["CMD", "python3", "-I", "-m", Program.HEALTH],
    "Interval": 10 * _NS,
    "Timeout": 5 * _NS,
    "Retries": 3,
    # As long as dockerd may take to answer (`TimeLimits`); from Docker 25 on it is asked each second until it does.
    "StartPeriod": 60 * _NS,
    "StartInterval": 1 * _NS,
}
"""As the Docker API has it, in nanoseconds: a dead engine is unhealthy after half a minute."""
_COMPILE = ("python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", f"{_MODULES}/inception")


def ensure_standalone(
    client: docker.APIClient, level_image_id: str, *, tag: str = STANDALONE_TAG, on_message: Callable[[str], None]
) -> str:
    """Return the id of the image of this level image and this program, made if need be in place of an older one.

    Raises ImageError and EngineError.
    """
    labels = {LABEL_MADE_OF: level_image_id, LABEL_PROGRAM: payload_digest()}
    with locked("image-build.lock"):
        with translated(f"looking for image {tag}"):
            try:
                image = client.inspect_image(tag)
            except docker.errors.NotFound:
                image = None
        # From API 1.52 on, engines leave empty fields out.
        if image is not None and labels.items() <= ((image.get("Config") or {}).get("Labels") or {}).items():
            return str(image["Id"])
        with translated(f"making image {tag}"), _with_program(client, level_image_id) as container:
            repository, _, version = tag.rpartition(":")
            changes = [*_SETTINGS, *(f"LABEL {name}={value}" for name, value in labels.items())]
            # Not among the changes: Podman refuses a HEALTHCHECK there.
            settings = {"Healthcheck": _HEALTH_CHECK}
            made = client.commit(container, repository=repository, tag=version, changes=changes, conf=settings)
            image_id = str(made["Id"])
        remove_superseded(client)
    on_message(f"made {tag}: docker run --privileged --rm -ti {tag.removesuffix(':latest')}")
    return image_id


@contextmanager
def _with_program(client: docker.APIClient, level_image_id: str) -> Iterator[str]:
    """Create a container of the level image with the compiled program; remove it after the block."""
    created = client.create_container(
        level_image_id, entrypoint=list(_COMPILE), host_config=client.create_host_config(network_mode="none")
    )["Id"]
    try:
        client.put_archive(created, "/", payload_archive(_MODULES.removeprefix("/")))
        client.start(created)
        if (status := client.wait(created)["StatusCode"]) != 0:
            output = client.logs(created, tail=1).decode(errors="replace").strip()
            raise ImageError(
                f"the program does not compile in the level image: {output or f'status {status}'}",
                remedy="build the level image again with --rebuild",
            )
        yield created
    finally:
        client.remove_container(created, force=True, v=True)
