"""Connect to the engines of a running chain, from its plan alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import docker

from inception.callbacks import ignore
from inception.chain.endpoint_proof import check_endpoint, is_private
from inception.chain.status import ChainStatus, refuse_paused
from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.endpoint import find_endpoint
from inception.errors import ChainError, UsageError
from inception.level.engine_client import connect_level
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


def require_live_level(status: ChainStatus, level: int | None) -> int:
    """Return the number of the chosen level, by default that of the bottom.

    Raises UsageError if the chain has no such level, ChainError if its engine cannot be reached.
    """
    depth = status.plan.depth
    number = depth if level is None else level
    if not 1 <= number <= depth:
        raise UsageError(f"chain {status.name} has no level {number}", remedy=f"its levels are 1 to {depth}")
    refuse_paused(status.plan)
    if not status.is_ready(number):
        state = status.levels[number - 1].state
        raise ChainError(
            f"level {number} of chain {status.name} is {state}", remedy=f"see: inception tree {status.name}"
        )
    return number
