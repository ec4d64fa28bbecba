"""Levels that run in the private engine: while there is one, the engine stays, even without a client."""

from __future__ import annotations

import docker

from inception.engine.translate import translated
from inception.plan.chain import LABEL_CHAIN

_ENDED = frozenset({"created", "exited", "dead"})


def count_running_levels(client: docker.APIClient) -> int:
    """Return the number of chains' containers that have not ended. Raises EngineError."""
    with translated("asking the private engine for its levels"):
        return sum(container["State"] not in _ENDED for container in _levels(client))


def remove_ended_levels(client: docker.APIClient) -> None:
    """Remove the containers of ended levels and their volumes, as a killed client leaves them. Raises EngineError."""
    with translated("removing ended levels"):
        for container in _levels(client):
            if container["State"] in _ENDED:
                client.remove_container(container["Id"], v=True, force=True)


def _levels(client: docker.APIClient) -> list[dict[str, str]]:
    levels: list[dict[str, str]] = client.containers(all=True, filters={"label": LABEL_CHAIN})
    return levels
