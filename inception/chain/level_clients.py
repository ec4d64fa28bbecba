"""Give Python programs a DockerClient for each level of a chain."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import docker
from docker.constants import DEFAULT_TIMEOUT_SECONDS

from inception.level.engine.client import api_version, logged
from inception.plan.chain import ChainPlan


class Levels:
    """Engines of the chain of `plan`: `levels[1]` is the outermost. A context manager that closes the clients."""

    def __init__(self, plan: ChainPlan) -> None:
        self._clients: dict[int, docker.DockerClient] = {}
        self.plan = plan

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all clients."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def __len__(self) -> int:
        """Return the depth of the chain."""
        return self.plan.depth

    def __getitem__(self, level: int) -> docker.DockerClient:
        """Return a client of the engine at `level`, from 1 to the depth. Raises IndexError."""
        if not 1 <= level <= self.plan.depth:
            raise IndexError(f"no level {level}: there are 1 to {self.plan.depth}")
        if level not in self._clients:
            address = self.address(level)
            version = api_version(address, timeout_s=DEFAULT_TIMEOUT_SECONDS)
            self._clients[level] = docker.DockerClient(base_url=address, version=version)
            logged(self._clients[level].api, address)
        return self._clients[level]

    @property
    def bottom(self) -> docker.DockerClient:
        """Client of the deepest engine."""
        return self[self.plan.depth]

    @property
    def image(self) -> str:
        """Tag of the level image, which the engine of each level has; with several level images the bottom's."""
        return self.image_at(self.plan.depth)

    def image_at(self, level: int) -> str:
        """Return the tag of the image that the engine of `level` was given: that of the level below."""
        return self.plan.seed_of(level).image

    def address(self, level: int) -> str:
        """Return the address of the engine at `level`, as in DOCKER_HOST."""
        return f"unix://{self.plan.paths.socket(level)}"
