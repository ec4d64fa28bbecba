"""Ask the engines of a running chain for the details of each level."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import docker
from requests.exceptions import RequestException

from inception.chain.level_engines import level_client
from inception.chain.status import ChainStatus, LevelStatus, is_paused
from inception.errors import EngineError
from inception.plan.chain import LABEL_LEVEL
from inception.plan.light_dataclasses import dataclass

_AT_ONCE = 16
"""Levels inspected at the same time."""


@dataclass(frozen=True, kw_only=True)
class LevelDetails:
    """One level with details from the engines; a detail is None if its engine did not answer.

    `memory` is what the level's cgroup is charged with, in bytes, without the levels below. `address` is the level's
    IP address on the bridge of the engine above. `containers` names those in its engine, without the next level's.
    """

    status: LevelStatus
    engine_version: str | None = None
    address: str | None = None
    memory: int | None = None
    containers: tuple[str, ...] | None = None


def inspect_levels(chain: ChainStatus, numbers: Collection[int] | None = None) -> tuple[LevelDetails, ...]:
    """Return the details of the levels `numbers`, by default of all, level 1 first.

    An engine that does not answer is no error. Those of a paused chain are not asked.
    """
    levels = [it for it in chain.levels if numbers is None or it.number in numbers]
    if is_paused(chain.plan):
        return tuple(LevelDetails(status=level) for level in levels)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        return tuple(threads.map(lambda level: _inspect_level(chain, level), levels))


def _inspect_level(chain: ChainStatus, level: LevelStatus) -> LevelDetails:
    if not chain.is_ready(level.number):
        return LevelDetails(status=level)
    version, containers, address, memory = None, None, None, None
    with _ignoring_silent_engine(), level_client(chain.plan, level.number) as client:
        version = str(client.version()["Version"])
        containers = tuple(
            one["Names"][0].lstrip("/") for one in client.containers() if LABEL_LEVEL not in (one.get("Labels") or {})
        )
    with _ignoring_silent_engine(), level_client(chain.plan, chain.plan.level(level.number).above) as above:
        container = chain.plan.level(level.number).container
        networks = above.inspect_container(container)["NetworkSettings"].get("Networks") or {}
        address = next(filter(None, (it.get("IPAddress") for it in networks.values())), None)
        memory = above.stats(container, stream=False, one_shot=True)["memory_stats"].get("usage")
    return LevelDetails(status=level, engine_version=version, address=address, memory=memory, containers=containers)


def _ignoring_silent_engine() -> suppress:
    return suppress(EngineError, docker.errors.DockerException, RequestException, OSError)
