"""The levels that live in the private engine: as long as one runs, the engine stays, also without a client."""

from __future__ import annotations

import docker

from inception.engine.translate import translated
from inception.plan.chain import LABEL_CHAIN

_ENDED = frozenset({"created", "exited", "dead"})


def living_levels(client: docker.APIClient) -> int:
    """How many containers of chains have not ended. Raises EngineError."""
    with translated("asking the private engine for its levels"):
        return sum(container["State"] not in _ENDED for container in _levels(client))


def remove_ended_levels(client: docker.APIClient) -> None:
    """Remove what a client that was killed has made and never started, its volumes too. Raises EngineError."""
    with translated("removing what is left of ended levels"):
        for container in _levels(client):
            if container["State"] in _ENDED:
                client.remove_container(container["Id"], v=True, force=True)


def _levels(client: docker.APIClient) -> list[dict[str, str]]:
    levels: list[dict[str, str]] = client.containers(all=True, filters={"label": LABEL_CHAIN})
    return levels
