"""Containers in which this program takes a single step on an engine: to ask, to compile, or to copy files.

Each ends by itself and is removed by its client. `inception prune` removes those of clients that were killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import docker

LABEL_HELPER = "inception.helper"
"""Label of such a container."""


@contextmanager
def helper_container(client: docker.APIClient, image: str, command: Sequence[str], **options: Any) -> Iterator[str]:
    """Create a container that runs `command`, without a network, and give its id; remove it after the block.

    `options` are those of `create_container`. Raises docker.errors.APIError if the engine refuses.
    """
    container = create_helper(client, image, command, **options)
    try:
        yield container
    finally:
        client.remove_container(container, force=True, v=True)


def create_helper(
    client: docker.APIClient,
    image: str,
    command: Sequence[str],
    *,
    host_config: dict[str, Any] | None = None,
    **options: Any,
) -> str:
    """Create such a container, not started, and return its id. Raises docker.errors.APIError if the engine refuses."""
    created = client.create_container(
        image,
        # Any image can be a chain's, also one with an entrypoint, such as the standalone image.
        entrypoint=list(command),
        labels={LABEL_HELPER: ""},
        host_config=client.create_host_config(**{"network_mode": "none", **(host_config or {})}),
        **options,
    )
    return str(created["Id"])
