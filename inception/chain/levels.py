"""A chain's engines, for Python programs: a DockerClient for each level."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import docker

from inception.level.engine_client import API_VERSION, logged
from inception.plan.chain import ChainPlan


class Levels:
    """The engines of the chain of `plan`, by level: `levels[1]` is the outermost one. Closed in the end."""

    def __init__(self, plan: ChainPlan) -> None:
        self._clients: dict[int, docker.DockerClient] = {}
        self.plan = plan

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def __len__(self) -> int:
        return self.plan.depth

    def __getitem__(self, level: int) -> docker.DockerClient:
        """A client of the engine at `level`. Raises IndexError if there is no such level."""
        if not 1 <= level <= self.plan.depth:
            raise IndexError(f"no level {level}: there are 1 to {self.plan.depth}")
        if level not in self._clients:
            address = self.address(level)
            self._clients[level] = docker.DockerClient(base_url=address, version=API_VERSION)
            logged(self._clients[level].api, address)
        return self._clients[level]

    @property
    def bottom(self) -> docker.DockerClient:
        """A client of the deepest engine."""
        return self[self.plan.depth]

    @property
    def image(self) -> str:
        """An image that the engine of each level has: the one that all levels run from."""
        return self.plan.image

    def address(self, level: int) -> str:
        """The address of the engine at `level`, as in DOCKER_HOST."""
        return f"unix://{self.plan.paths.socket(level)}"
