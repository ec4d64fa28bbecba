"""Make the standalone image: a level image with the program in it, for `docker run`.

A level gets its program from the client, so the level image has none. Without a client the image must contain it: one
more layer, made in a second, and made anew when the program or the level image has changed.
"""

from __future__ import annotations

from collections.abc import Callable

import docker

from inception.image.derived import DerivedImage, ensure_derived
from inception.payload import payload_archive, payload_digest
from inception.plan.paths import DATA_ROOT
from inception.plan.protocol import Program

STANDALONE_TAG = "inception:latest"
_MODULES = "/usr/lib/python3/dist-packages"
_INSTRUCTIONS = (
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


def ensure_standalone(
    client: docker.APIClient, level_image_id: str, *, tag: str = STANDALONE_TAG, on_message: Callable[[str], None]
) -> str:
    """Return the id of the image of this level image and this program, made if need be in place of an older one.

    Raises ImageError and EngineError.
    """
    wanted = DerivedImage(
        tag=tag,
        program=payload_digest(),
        archive=lambda: payload_archive(_MODULES.removeprefix("/")),
        modules=f"{_MODULES}/inception",
        instructions=_INSTRUCTIONS,
        # Not among the instructions: Podman refuses a HEALTHCHECK there.
        settings={"Healthcheck": _HEALTH_CHECK},
    )
    usage = f"made {tag}: docker run --privileged --rm -ti {tag.removesuffix(':latest')}"
    return ensure_derived(client, level_image_id, wanted, on_made=lambda: on_message(usage))
