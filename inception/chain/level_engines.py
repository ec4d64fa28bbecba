"""Connect to the engines of a running chain, from its plan alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import docker

from inception.callbacks import ignore
from inception.chain.endpoint_proof import check_endpoint, is_private
from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.endpoint import find_endpoint
from inception.level.engine.client import connect_level
from inception.plan.chain import ChainPlan


@contextmanager
def level_0_engine(plan: ChainPlan, on_message: Callable[[str], None]) -> Iterator[Engine]:
    """Connect to the level-0 engine of the chain. Raises EngineError.

    A private engine is started again if it has died.
    """
    check_endpoint(plan)
    named = name_of_level_0(plan)
    if named == EngineChoice.PRIVATE:
        with connect(EngineChoice.PRIVATE, on_message=on_message) as engine:
            yield engine
        return
    # The endpoint that the Docker CLI would use comes with its TLS certificates; a bare address has none.
    with connect(EngineChoice.HOST, endpoint=named, on_message=on_message) as engine:
        yield engine


def name_of_level_0(plan: ChainPlan) -> str | None:
    """Return how a user names the level-0 engine of the chain: its address, "private", or None for the usual one."""
    if is_private(plan):
        return EngineChoice.PRIVATE
    return None if find_endpoint(None, os.environ).address == plan.endpoint else plan.endpoint


@contextmanager
def level_client(plan: ChainPlan, level: int) -> Iterator[docker.APIClient]:
    """Give a client of the engine at `level`, which may be 0; it is closed at the end. Raises EngineError."""
    if level == 0:
        with level_0_engine(plan, ignore) as engine:
            yield engine.client
        return
    with closing(connect_level(plan, level)) as client:
        yield client
