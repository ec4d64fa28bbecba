"""The value that the fixtures give for one engine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

    from inception.chain.level_clients import Levels


class CleanEngine:
    """The bottom's engine of a chain."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels

    @property
    def client(self) -> docker.DockerClient:
        """Client of the engine."""
        return self._levels.bottom

    @property
    def docker_host(self) -> str:
        """Address of the engine, as in DOCKER_HOST."""
        return self._levels.address(len(self._levels))

    @property
    def image(self) -> str:
        """Tag of the level image, which the engine has."""
        return self._levels.image

    def restored(self) -> AbstractContextManager[None]:
        """Return a context at whose end the engine holds what it held at its beginning: for fixtures of other scopes.

        Its end raises NotRestored if the engine cannot be restored.
        """
        from inception.pytest_plugin.contents import restored

        return restored(self.client.api)
