"""Containers in which this program takes a single step on an engine: to ask, to compile, or to copy files.

Each ends by itself and is removed by its client. `inception prune` removes those of clients that were killed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import docker

from inception.linux.retry import retry

LABEL_HELPER = "inception.helper"
"""Label of such a container."""
_LATE_S = 2.0
"""Seconds after an interrupted request in which the engine may still create what was asked for."""
_PAUSE_S = 0.02


@contextmanager
def helper_container(client: docker.APIClient, image: str, command: Sequence[str], **options: Any) -> Iterator[str]:
    """Create a container that runs `command`, without a network, and give its id; remove it after the block.

    `options` are those of `create_container`. Raises docker.errors.APIError if the engine refuses.
    """
    with helper_from(client, lambda name: create_helper(client, image, command, name=name, **options)) as container:
        yield container


@contextmanager
def helper_from(client: docker.APIClient, create: Callable[[str], str]) -> Iterator[str]:
    """Have `create` make a container of the name that it gets, and give its id; remove it after the block.

    A client that is interrupted while `create` asks the engine removes what comes of it, too.
    """
    container = name = f"inception-helper-{secrets.token_hex(6)}"
    late_s = _LATE_S
    try:
        try:
            container = create(name)
        except docker.errors.APIError:
            late_s = 0.0
            raise
        yield container
    finally:
        with suppress(docker.errors.NotFound):
            retry(
                lambda: client.remove_container(container, force=True, v=True),
                errors=docker.errors.NotFound,
                limit_s=late_s,
                pause_s=_PAUSE_S,
            )


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
